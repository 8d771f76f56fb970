/** The life of a command that an operator types: it asks Redis something, prints, and ends. */
import { reasonOf, TempestError } from '@tempest/protocol'
import { checkAddress } from './redis-check.js'
import type { RedisAddress } from './redis-url.js'
import { Refusal } from './refusal.js'
import { needRedis, readSettings } from './settings.js'

/** Runs it with the Redis that the environment names. What is expected to go wrong is printed as one sentence, with exit code 1. */
export function askRedis(command: string, ask: (redis: RedisAddress) => Promise<void>): void {
  run(command, ask).catch((error: unknown) => {
    const expected = error instanceof Refusal || error instanceof TempestError
    console.error(expected ? reasonOf(error) : error)
    process.exitCode = 1
  })
}

async function run(command: string, ask: (redis: RedisAddress) => Promise<void>): Promise<void> {
  const redis = needRedis(readSettings(process.env), command)
  await checkAddress(redis)
  await ask(redis)
}
