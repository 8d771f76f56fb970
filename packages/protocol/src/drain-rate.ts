/**
 * How fast a queue drains. Pure.
 *
 * Two lengths and what this node pushed between them give the rate; until there are two, the replies that came to this node do. Both
 * are too low where other nodes push as well: then a client is asked to wait longer than it had to, never shorter.
 */

/** Weight of the newest sample in the mean. */
const NEWEST = 0.3
/** Replies are counted over a window between one and two of these. */
const WINDOW_MS = 5000

export class DrainRate {
  #pushed = 0
  #answered = 0
  #window = { from: performance.now(), answered: 0 }
  #before = this.#window
  #sample: { at: number; size: number; pushed: number } | undefined
  #mean: number | undefined

  pushed(count: number): void {
    this.#pushed += count
  }

  answered(): void {
    this.#answered++
  }

  /** The length of the queue as just read. */
  sample(at: number, size: number): void {
    const before = this.#sample
    this.#sample = { at, size, pushed: this.#pushed }
    if (!before || at <= before.at) return
    const drained = before.size + (this.#pushed - before.pushed) - size
    const rate = Math.max(drained, 0) / ((at - before.at) / 1000)
    this.#mean = this.#mean === undefined ? rate : this.#mean + (rate - this.#mean) * NEWEST
  }

  /** Jobs per second; 0 where nothing was seen to leave. */
  perSecond(now: number): number {
    const replies = this.#repliesPerSecond(now)
    return Math.max(this.#mean ?? 0, replies)
  }

  #repliesPerSecond(now: number): number {
    if (now - this.#window.from > WINDOW_MS) {
      this.#before = this.#window
      this.#window = { from: now, answered: this.#answered }
    }
    const { from, answered } = this.#before
    return now > from ? (this.#answered - answered) / ((now - from) / 1000) : 0
  }
}
