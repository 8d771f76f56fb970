/**
 * Whether a job that was popped is still to be run. Most need no question; where a front was said to be gone, or a job comes from before a
 * restart of Redis, Redis is asked first, since what this worker knows may be older than the job.
 */
import {
  type Connections,
  isOfAnotherEpoch,
  isReplyError,
  type Job,
  mayBeRetried,
  type Meta,
} from '@tempest/protocol'
import type { Cancels } from './cancels.js'
import type { RunningJob } from './job.js'

/**
 * - `run`
 * - `cancelled`, `expired`: nobody waits for it any more
 * - `left`: Redis was restarted since it was pushed, and it may have been run before; who asked pushes it again
 * - `lost`: the same, and it may not be run again
 */
export type Admission = 'run' | 'cancelled' | 'expired' | 'left' | 'lost'

export class Doubts {
  readonly #connections: Connections
  readonly #cancels: Cancels

  constructor(connections: Connections, cancels: Cancels) {
    this.#connections = connections
    this.#cancels = cancels
  }

  /** At once where nothing has to be asked. The promise rejects where Redis went away meanwhile. */
  of(job: RunningJob, wire: Job, meta: Meta | undefined): Admission | Promise<Admission> {
    const now = this.ofWaiting(job)
    if (now !== 'run') return now
    const gone = this.#isOfGone(job)
    const stale = isOfAnotherEpoch(wire, meta, this.#connections.epoch)
    return gone || stale ? this.#ask(job, wire, meta) : 'run'
  }

  /** Of a job that was admitted and had to wait. */
  ofWaiting(job: RunningJob): Admission {
    if (this.#cancels.has(job.base)) return 'cancelled'
    return job.dueAt <= performance.now() ? 'expired' : 'run'
  }

  /** A job that nobody waits for outlives who pushed it. */
  #isOfGone(job: RunningJob): boolean {
    return job.respondTo !== null && this.#cancels.hasBootOf(job.base)
  }

  async #ask(job: RunningJob, wire: Job, meta: Meta | undefined): Promise<Admission> {
    try {
      if (this.#isOfGone(job) && (await this.#cancels.isGone(job.base))) {
        return 'cancelled'
      }
      await this.#connections.readEpoch()
    } catch (error) {
      // It answers, and will not say: then what is known has to do.
      if (!isReplyError(error)) throw error
    }
    if (!isOfAnotherEpoch(wire, meta, this.#connections.epoch)) return 'run'
    return mayBeRetried(wire, meta) ? 'left' : 'lost'
  }
}
