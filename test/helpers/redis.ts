/**
 * A real Redis for one test file (server.ts). `describeWithRedis` skips a suite where no server can be had.
 */
import { describe } from '@jest/globals'
import { startServer, type TestRedis } from './server'

export { askRedis, type TestRedis } from './server'

/** `describe` where the setup found a server, else skipped with the reason in its name. */
export function describeWithRedis(name: string, suite: () => void): void {
  if (process.env.TEMPEST_TEST_REDIS === undefined) {
    describe.skip(`${name} (skipped: no Redis server on this machine)`, suite)
  } else {
    describe(name, suite)
  }
}

/** @param args for redis-server, e.g. '--appendonly', 'yes' */
export function startTestRedis(...args: string[]): Promise<TestRedis> {
  return startServer({ args })
}
