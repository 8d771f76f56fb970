/**
 * How many jobs wait in one queue, as far as this node knows, and how fast they drain.
 *
 * The replies of its own pushes tell the lengths for nothing. Only where the backlog comes near its limit are the lists asked
 * for their lengths, at most every `SAMPLE_MS`; so a node that refuses still notices when there is room again.
 */
import { keys, type Priority, priorities } from './keys.js'
import type { Link } from './link.js'

const SAMPLE_MS = 100
/** Weight of the newest sample in the mean of the drain rate. */
const NEWEST = 0.3
const MIN_RETRY_S = 1
const MAX_RETRY_S = 60

export class Backlog {
  readonly #queue: string
  readonly #commands: Link
  readonly #lengths: Record<Priority, number> = { high: 0, normal: 0, low: 0 }
  #unconfirmed = 0
  #pushed = 0
  #perSecond: number | undefined
  #sample: { at: number; size: number; pushed: number } | undefined
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
    this.#pushed += count
  }

  /** Whether one more would be too many. */
  full(maxBacklog: number): boolean {
    const { size } = this
    if (size * 2 >= maxBacklog) this.refresh()
    return size >= maxBacklog
  }

  /** Asks Redis for the lengths, unless that was done a moment ago. */
  refresh(): void {
    const last = this.#sample?.at ?? -Infinity
    if (this.#sampling || !this.#commands.up || performance.now() - last < SAMPLE_MS) return
    this.#sampling = true
    void this.#read().finally(() => (this.#sampling = false))
  }

  /** Seconds after which a refused client may try again: the backlog over its drain rate, 1 to 60. */
  get retryAfterS(): number {
    const { size } = this
    if (size === 0) return MIN_RETRY_S
    if (this.#perSecond === undefined || this.#perSecond <= 0) return MAX_RETRY_S
    return Math.min(Math.max(Math.ceil(size / this.#perSecond), MIN_RETRY_S), MAX_RETRY_S)
  }

  async #read(): Promise<void> {
    const results = await Promise.allSettled(
      priorities.map((priority) =>
        this.#commands.send('llen', [keys.queue(this.#queue, priority)]),
      ),
    )
    priorities.forEach((priority, i) => {
      const result = results[i]
      if (result?.status === 'fulfilled') this.#lengths[priority] = Number(result.value)
    })
    this.#measure()
  }

  #measure(): void {
    const at = performance.now()
    const { size } = this
    const before = this.#sample
    this.#sample = { at, size, pushed: this.#pushed }
    if (!before) return
    const drained = before.size + (this.#pushed - before.pushed) - size
    const rate = Math.max(drained, 0) / ((at - before.at) / 1000)
    this.#perSecond =
      this.#perSecond === undefined ? rate : this.#perSecond + (rate - this.#perSecond) * NEWEST
  }
}
