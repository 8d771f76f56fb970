/** Does a front that was told to listen itself take its replies there? One that does not would be measured under a wrong name. */

import type { Home } from '../home.js'
import { RedisReader } from '../redis.js'
import { runClient } from './client.js'
import type { StreamTarget } from './target.js'

const PROBE_BYTES = 8 * 1024 * 1024

/** @returns why it cannot be measured, if so. */
export async function missDirect(
  home: Home,
  program: string,
  target: StreamTarget,
): Promise<string | undefined> {
  const running = await target.start(home)
  try {
    const reader = new RedisReader(home, running.redisUrl ?? '')
    const before = await reader.received()
    const where = { port: running.port, path: `/large?bytes=${PROBE_BYTES}` }
    const figure = await runClient(home, program, 'large', where, PROBE_BYTES)
    const received = (await reader.received()) - before
    await reader.close()
    if (figure('bytes') !== PROBE_BYTES) return 'its reply is not whole'
    return received > PROBE_BYTES / 2 ? 'its replies come through Redis' : undefined
  } finally {
    await running.stop()
  }
}
