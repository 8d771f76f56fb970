/**
 * What one node still has to push to one queue: the jobs of a turn leave as one RPUSH per list, and the ids
 * of clients that left as one PUBLISH.
 *
 * A job whose connection broke while it was under way has an unknown outcome; its owner is told so and decides. While Redis is
 * away nothing is written and everything waits here, oldest first, until `redisWaitMs` are over.
 */
import { Backlog } from './backlog.js'
import { awayFor, type Connections } from '../redis/connections.js'
import { reasonOf, TempestError } from '../wire/errors.js'
import { keys, type Priority, priorities } from '../wire/keys.js'
import { LinkError } from '../redis/link.js'

/** A job on its way. Exactly one of `pushed`, `refused`, `unknown` is called, unless `gone` was true at its turn. */
export interface Outgoing {
  /** When its waiting for Redis began, by `performance.now()`; Infinity: it waits on until its own deadline. */
  readonly waitingSince: number
  /** Nobody waits for it any more: it is not pushed. */
  readonly gone: boolean
  /** The job on the wire; called when it is written, so that it bears the epoch of that moment. */
  encode(): string | Buffer
  pushed(): void
  refused(error: TempestError): void
  unknown(): void
  /** It was not written after all, and waits again. */
  unsent?(): void
}

const MAX_BATCH = 500
const MAX_BATCH_CHARS = 1024 * 1024
/** Cancels are hints; beyond this many in one outage the deadline has to do. */
const MAX_CANCELLED = 10_000

export class Outbox {
  readonly queue: string
  readonly backlog: Backlog
  readonly #connections: Connections
  readonly #retry: () => void
  readonly #waiting: Record<Priority, Outgoing[]> = { high: [], normal: [], low: [] }
  #cancelled: string[] = []
  #cancelUntil = 0
  /** Cancels of the last while, for workers that come later: messages as they were published. */
  #recent: { until: number; ids: string[] }[] = []
  #recentIds = 0
  #batches = 0
  #pushed = 0
  #largest = 0

  /** @param retry called when jobs are back here that could not be written. */
  constructor(queue: string, connections: Connections, retry: () => void) {
    this.queue = queue
    this.backlog = new Backlog(queue, connections.commands)
    this.#connections = connections
    this.#retry = retry
  }

  add(priority: Priority, job: Outgoing): void {
    this.#waiting[priority].push(job)
  }

  /** Tells the workers that nobody waits for this base id any more; `until`, in Redis' time, is when they may forget it. */
  cancel(base: string, until: number): void {
    if (this.#cancelled.length >= MAX_CANCELLED) return
    this.#cancelled.push(base)
    if (until > this.#cancelUntil) this.#cancelUntil = until
  }

  hasWork(): boolean {
    const { high, normal, low } = this.#waiting
    return high.length + normal.length + low.length + this.#cancelled.length > 0
  }

  stats(): { pushed: number; batches: number; largestBatch: number; backlog: number } {
    return {
      pushed: this.#pushed,
      batches: this.#batches,
      largestBatch: this.#largest,
      backlog: this.backlog.size,
    }
  }

  /** Writes all that waits, if Redis is there. */
  flush(): void {
    if (!this.#connections.mayPush) return
    let ring = false
    for (const priority of priorities) {
      const jobs = this.#waiting[priority]
      if (jobs.length === 0) continue
      this.#waiting[priority] = []
      if (this.#pushAll(priority, jobs) && priority !== 'normal') ring = true
    }
    // After the pushes on the same connection: who hears the bell finds the job.
    if (ring) this.#publish(keys.bell(this.queue), '')
    if (this.#cancelled.length > 0) {
      const message = { ids: this.#cancelled, until: this.#cancelUntil }
      this.#cancelled = []
      this.#cancelUntil = 0
      this.#publish(keys.cancel(this.queue), JSON.stringify(message))
      this.#remember(message)
    }
  }

  /** Publishes again what is not over yet; `now` in Redis' time. */
  repeatCancels(now: number): void {
    const recent = this.#recent.filter(({ until }) => until > now)
    this.#recent = []
    this.#recentIds = 0
    for (const { ids, until } of recent) for (const id of ids) this.cancel(id, until)
  }

  #remember(message: { ids: string[]; until: number }): void {
    this.#recent.push(message)
    this.#recentIds += message.ids.length
    while (this.#recentIds > MAX_CANCELLED) this.#recentIds -= this.#recent.shift()?.ids.length ?? 0
  }

  /** Gives up what has waited for Redis for longer than `redisWaitMs`. */
  expire(now: number): void {
    const { unfit, options } = this.#connections
    const error = unfit ?? awayFor(options.redisWaitMs)
    for (const priority of priorities) {
      const late = (job: Outgoing): boolean => now - job.waitingSince >= options.redisWaitMs
      const jobs = this.#waiting[priority]
      if (!jobs.some((job) => job.gone || late(job))) continue
      this.#waiting[priority] = jobs.filter((job) => !job.gone && !late(job))
      for (const job of jobs) if (!job.gone && late(job)) job.refused(error)
    }
  }

  /** Refuses all that waits: nobody will write it any more. */
  giveUp(): void {
    const error = new TempestError('STOPPING', 'this node was stopped')
    for (const priority of priorities) {
      const jobs = this.#waiting[priority]
      this.#waiting[priority] = []
      for (const job of jobs) if (!job.gone) job.refused(error)
    }
    this.#cancelled = []
  }

  #publish(channel: string, message: string): void {
    this.#connections.commands.send('publish', [channel, message]).catch((error: unknown) => {
      this.#connections.options.logger.debug({ channel, reason: reasonOf(error) }, 'publish failed')
    })
  }

  /** @returns whether anything was pushed. */
  #pushAll(priority: Priority, jobs: Outgoing[]): boolean {
    let batch: Outgoing[] = []
    let encoded: (string | Buffer)[] = []
    let chars = 0
    let any = false
    for (const job of jobs) {
      if (job.gone) continue
      let text: string | Buffer
      try {
        text = job.encode()
      } catch (error) {
        // It must not take those along that leave with it.
        job.refused(new TempestError('INTERNAL', reasonOf(error)))
        continue
      }
      if (batch.length === MAX_BATCH || (chars > 0 && chars + text.length > MAX_BATCH_CHARS)) {
        void this.#push(priority, batch, encoded)
        batch = []
        encoded = []
        chars = 0
      }
      batch.push(job)
      encoded.push(text)
      chars += text.length
      any = true
    }
    if (batch.length > 0) void this.#push(priority, batch, encoded)
    return any
  }

  async #push(priority: Priority, batch: Outgoing[], encoded: (string | Buffer)[]): Promise<void> {
    const count = batch.length
    this.#batches++
    this.#largest = Math.max(this.#largest, count)
    this.backlog.sending(count)
    let length: number | undefined
    try {
      const key = keys.queue(this.queue, priority)
      length = Number(await this.#connections.commands.send('rpush', [key, ...encoded]))
      this.#pushed += count
      for (const job of batch) job.pushed()
    } catch (error) {
      this.#failed(priority, batch, error)
    } finally {
      this.backlog.sent(priority, count, length)
    }
  }

  #failed(priority: Priority, batch: Outgoing[], error: unknown): void {
    if (error instanceof LinkError && !error.sent) {
      for (const job of batch) job.unsent?.()
      this.#waiting[priority] = [...batch, ...this.#waiting[priority]]
      this.#retry()
      return
    }
    this.#connections.options.logger.warn(
      { queue: this.queue, jobs: batch.length, reason: reasonOf(error) },
      'a push failed',
    )
    for (const job of batch) {
      if (error instanceof LinkError) job.unknown()
      else job.refused(new TempestError('REDIS_REFUSED', `Redis refused: ${reasonOf(error)}`))
    }
  }
}
