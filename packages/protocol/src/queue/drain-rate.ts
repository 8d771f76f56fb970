/**
 * How fast one list drains while jobs wait in it. Pure.
 *
 * It is told only of times in which the list was never empty: what leaves a list that runs empty is what was asked for, not what could be
 * done. A pause in the draining is part of the rate where such pauses are usual (few slots, slow handlers); a longer one means that
 * nobody works there now, and what was measured before it says nothing about what comes after.
 */

/** How long a drain is remembered, where there are enough to do without it. */
const FORGET_MS = 4000
const ENOUGH = 16
/** Less than this is no measurement. */
const KNOWN_MS = 400
const KNOWN_DRAINS = 4
/** So old a measurement says nothing about now. */
const STALE_MS = 10_000
/** A pause up to this is always usual; a longer one when one of at least half its length ended not long ago. */
const PAUSE_MS = 500
/** How many times its own length a pause is remembered. */
const PAUSES = 5

export class DrainRate {
  /** Sums in which the older counts less. */
  #drained = 0
  #busyMs = 0
  /** Since the last drain, not counted yet. */
  #pauseMs = 0
  /** How many looks that is. */
  #pauseLooks = 0
  #longest = { ms: 0, at: -Infinity }
  /** End of the newest observation. */
  #at = -Infinity

  /** So many left between two times, and the list was never empty between them. */
  observe(from: number, to: number, drained: number): void {
    if (from - this.#at > STALE_MS) this.#drained = this.#busyMs = 0
    // In between it was empty or not looked at.
    if (from > this.#at) this.#pauseMs = this.#pauseLooks = 0
    this.#at = to
    const ms = to - from
    if (drained <= 0) {
      this.#pauseMs += ms
      this.#pauseLooks++
      return
    }
    const pauseMs = this.#pauseMs
    if (this.#stalled(to)) this.#drained = this.#busyMs = 0
    const begun = this.#drained > 0
    if (this.#drained > ENOUGH) this.#forget(ms)
    this.#drained += drained
    this.#busyMs += ms + (begun ? pauseMs : 0)
    this.#note(pauseMs, to)
    this.#pauseMs = this.#pauseLooks = 0
  }

  /** Jobs per second as far as seen; 0 where none were seen to leave. */
  perSecond(now: number): number {
    return this.#busyMs > 0 && this.#fresh(now) ? (this.#drained * 1000) / this.#busyMs : 0
  }

  /** Whether that is enough to refuse somebody by it. */
  known(now: number): boolean {
    return this.#busyMs >= KNOWN_MS && this.#drained >= KNOWN_DRAINS && this.#fresh(now)
  }

  #fresh(now: number): boolean {
    return now - this.#at <= STALE_MS && !this.#stalled(now)
  }

  #stalled(now: number): boolean {
    const { ms, at } = this.#longest
    const usual = now - this.#pauseMs - at <= ms * PAUSES ? ms * 2 : 0
    // One look without a drain, however long, may lie between two drains.
    return this.#pauseLooks > 1 && this.#pauseMs > Math.max(PAUSE_MS, usual)
  }

  #forget(ms: number): void {
    const rest = Math.exp(-ms / FORGET_MS)
    this.#drained *= rest
    this.#busyMs *= rest
  }

  #note(ms: number, at: number): void {
    const old = at - this.#longest.at > this.#longest.ms * PAUSES
    if (old || ms * 2 >= this.#longest.ms) {
      this.#longest = { ms: old ? ms : Math.max(ms, this.#longest.ms), at }
    }
  }
}

/** Replies are counted over a window between one and two of these. */
const WINDOW_MS = 5000

/** How many replies come to this node: what drains at least, where nothing better is known. */
export class ReplyRate {
  #replies = 0
  #window = { from: performance.now(), replies: 0 }
  #before = this.#window

  add(): void {
    this.#replies++
  }

  perSecond(now: number): number {
    if (now - this.#window.from > WINDOW_MS) {
      this.#before = this.#window
      this.#window = { from: now, replies: this.#replies }
    }
    const { from, replies } = this.#before
    return now > from ? (this.#replies - replies) / ((now - from) / 1000) : 0
  }
}
