/** The jobs whose handlers run, or whose replies are still on their way. */
import { bootOf } from '@tempest/protocol'
import type { RunningJob } from './job.js'

export class Running {
  /** An array, not a Set, which would keep ended jobs in its discarded tables until the next full collection. */
  readonly #jobs: RunningJob[] = []

  get size(): number {
    return this.#jobs.length
  }

  all(): RunningJob[] {
    return [...this.#jobs]
  }

  add(job: RunningJob): void {
    job.index = this.#jobs.push(job) - 1
  }

  remove(job: RunningJob): void {
    const last = this.#jobs.pop()
    if (last && last !== job) {
      this.#jobs[job.index] = last
      last.index = job.index
    }
    job.index = -1
    job.ended()
  }

  /** Nobody waits any more for these base ids. */
  cancel(ids: ReadonlySet<string>): void {
    for (const job of this.all()) if (ids.has(job.base)) job.drop('cancelled')
  }

  /** A node is gone: those of its jobs are meant that somebody waited for. */
  cancelAll(boot: string): void {
    for (const job of this.all()) {
      if (job.respondTo !== null && bootOf(job.base) === boot) job.drop('cancelled')
    }
  }
}
