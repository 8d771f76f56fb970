/** Clients of Redis for the kit. They never repeat a command by themselves (P-61) and connect anew for as long as they are there. */
import { Redis } from 'ioredis'

/** @throws where Redis does not answer within 5 s. */
export async function connect(url: string): Promise<Redis> {
  const redis = makeClient(url)
  const giveUp = setTimeout(() => redis.disconnect(), 5000)
  try {
    await redis.connect()
    return redis
  } catch (error) {
    redis.disconnect()
    throw new Error(`Redis at ${url.replace(/\/\/.*@/, '//')} cannot be reached`, { cause: error })
  } finally {
    clearTimeout(giveUp)
  }
}

function makeClient(url: string): Redis {
  const redis = new Redis(url, {
    ...{ lazyConnect: true, maxRetriesPerRequest: 0, autoResendUnfulfilledCommands: false },
    ...{ enableOfflineQueue: false, protocol: 2, connectionName: 'tempest-conformance' },
    disconnectTimeout: 100,
    retryStrategy: () => 50,
    reconnectOnError: null,
  })
  redis.on('error', () => undefined) // commands fail by themselves
  return redis
}

/** A sub-connection with the same options; closed by its owner. */
export async function another(redis: Redis): Promise<Redis> {
  const copy = redis.duplicate()
  copy.on('error', () => undefined)
  await copy.connect()
  return copy
}

/** P-112: the life of Redis, as `meta.epoch` says it. */
export function epochOf(info: string): string {
  const field = (name: string): string =>
    new RegExp(`^${name}:(\\w*)`, 'm').exec(info)?.[1]?.slice(0, 8) ?? ''
  return `${field('run_id')}.${field('master_replid2')}`
}

/** P-14: Redis' time in milliseconds. */
export async function timeOf(redis: Redis): Promise<number> {
  const [s, us] = await redis.time()
  return Number(s) * 1000 + Math.floor(Number(us) / 1000)
}
