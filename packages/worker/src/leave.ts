/**
 * How a worker leaves a queue: everything it holds and has not begun goes back, everything finished is removed. Where a
 * connection is broken it waits for it, within bounds: what it leaves behind nobody can answer at once.
 */
import { type Logger, reasonOf } from '@tempest/protocol'
import type { Source } from './source.js'
import { within } from './within.js'

/** Long enough to notice that a connection is silent and to come back; a Redis that is away keeps no worker for longer. */
const LEAVE_MS = 4000
/** Long enough for a connection that broke a moment ago. */
const SOON_MS = 300
const AGAIN_MS = 10

/** Tries again until it succeeds or time is over, by `performance.now()`. @returns whether nothing is left. */
export async function leave(source: Source, until: number, logger: Logger): Promise<boolean> {
  const soon = performance.now() + SOON_MS
  const latest = Math.min(until, performance.now() + LEAVE_MS)
  for (;;) {
    let reason = 'no answer'
    const left = source.leave().then(
      () => !source.owes,
      (error: unknown) => {
        reason = reasonOf(error)
        return false
      },
    )
    if ((await within(latest, left)) === true) return true
    if (performance.now() >= (source.owes ? latest : soon)) {
      // Where nothing is held only the record stays behind, and that is forgotten within seconds.
      if (source.owes) {
        logger.error({ queue: source.queue, reason }, 'left without settling the held list')
      }
      return !source.owes
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
  }
}
