/** Asks the Redis a person named whether it will do, before anything is started on it. */
import { checkRedis, TempestError } from '@tempest/protocol'
import { maskUrl, type RedisAddress } from './redis-url.js'
import { Refusal } from './refusal.js'

/** Its version. @throws Refusal that names the variable it came from. */
export async function checkAddress({ url, source }: RedisAddress): Promise<string> {
  try {
    return (await checkRedis(url)).version
  } catch (error) {
    if (!(error instanceof TempestError)) throw error
    throw new Refusal(`${source}=${maskUrl(url)}: ${error.message}.`, { cause: error })
  }
}
