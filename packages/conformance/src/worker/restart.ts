/** The worker under test is ended, and started anew on an empty queue. */
import type { WorkerStage } from './stage.js'

/** More than a worker has calls that block. One that has left its process group takes them all. */
const MOST_PROBES = 100

export async function restart(stage: WorkerStage): Promise<void> {
  await stage.program.kill()
  await untilNoneIsBlocked(stage)
  await stage.bury()
  await stage.start()
}

/**
 * Redis may hear later than we that a worker was killed: until then its call that blocks is served, and the job that it gets is lost. So each
 * of them is given one that nobody misses.
 */
async function untilNoneIsBlocked(stage: WorkerStage): Promise<void> {
  for (let i = 0; i < MOST_PROBES; i++) {
    const { text } = stage.job({}, { respondTo: null })
    await stage.pushRaw(text)
    if ((await stage.redis.lrem(stage.queue, 1, text)) === 1) return
  }
}
