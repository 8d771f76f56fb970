/**
 * jest's globalSetup: finds a Redis server, or fetches one, before any test file runs, and tells
 * them by TEMPEST_TEST_REDIS that there is one. It starts none: each test file starts its own
 * (redis.ts). Without any, the suites that need one are skipped and counted; in CI that is an
 * error.
 *
 * jest maps no modules here, so this is the built launcher: `npm test` builds it first.
 */
import { bringRedis, Refusal } from '@tempest/launch'

export default async function setup(): Promise<void> {
  try {
    const { version, origin } = await bringRedis({ note: (line) => console.log(line) })
    process.env.TEMPEST_TEST_REDIS = `${version}, ${origin}`
  } catch (error) {
    if (!(error instanceof Refusal) || process.env.CI === 'true') throw error
    console.warn(`${error.message}\nUntil then the suites that need a Redis are skipped.`)
  }
}
