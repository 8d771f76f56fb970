/**
 * How many jobs wait in one queue, as far as this node knows, and how fast they drain.
 *
 * The replies of its own pushes tell the lengths for nothing. Only where the backlog comes near its limit are the lists asked
 * for their lengths, at most every `SAMPLE_MS`; so a node that refuses still notices when there is room again.
 */
import { DrainRate } from './drain-rate.js'
import { keys, type Priority, priorities } from './keys.js'
import type { Link } from './link.js'

const SAMPLE_MS = 100
const MIN_RETRY_S = 1
const MAX_RETRY_S = 60

export class Backlog {
  readonly #queue: string
  readonly #commands: Link
  readonly #lengths: Record<Priority, number> = { high: 0, normal: 0, low: 0 }
  /** Confirmed pushes per list: a length asked for before the newest of them is older than its reply. */
  readonly #pushes: Record<Priority, number> = { high: 0, normal: 0, low: 0 }
  readonly #rate = new DrainRate()
  #unconfirmed = 0
  #sampledAt = -Infinity
  #sampling = false

  constructor(queue: string, commands: Link) {
    this.#queue = queue
    this.#commands = commands
  }

  /** Jobs waiting, those on their way included. */
  get size(): number {
    const { high, normal, low } = this.#lengths
    return high + normal + low + this.#unconfirmed
  }

  sending(count: number): void {
    this.#unconfirmed += count
  }

  /** Ends what `sending` began; `length` is Redis' reply, undefined where the push failed. */
  sent(priority: Priority, count: number, length: number | undefined): void {
    this.#unconfirmed -= count
    if (length === undefined) return
    this.#lengths[priority] = length
    this.#pushes[priority]++
    this.#rate.pushed(count)
  }

  /** A reply came: at least one job has left the queue. */
  answered(): void {
    this.#rate.answered()
  }

  /** Whether one more would be too many. */
  full(maxBacklog: number): boolean {
    const { size } = this
    if (size * 2 >= maxBacklog) this.refresh()
    return size >= maxBacklog
  }

  /** Asks Redis for the lengths, unless that was done a moment ago. */
  refresh(): void {
    const now = performance.now()
    if (this.#sampling || !this.#commands.up || now - this.#sampledAt < SAMPLE_MS) return
    this.#sampling = true
    this.#sampledAt = now
    void this.#read().finally(() => (this.#sampling = false))
  }

  /** Seconds after which a refused client may try again: the backlog over its drain rate, 1 to 60. */
  get retryAfterS(): number {
    const { size } = this
    if (size === 0) return MIN_RETRY_S
    const seconds = Math.ceil(size / this.#rate.perSecond(performance.now()))
    return Math.min(Math.max(seconds, MIN_RETRY_S), MAX_RETRY_S)
  }

  async #read(): Promise<void> {
    const pushes = { ...this.#pushes }
    await Promise.allSettled(
      priorities.map(async (priority) => {
        const length = await this.#commands.send('llen', [keys.queue(this.#queue, priority)])
        if (pushes[priority] === this.#pushes[priority]) this.#lengths[priority] = Number(length)
      }),
    )
    this.#rate.sample(performance.now(), this.size)
  }
}
