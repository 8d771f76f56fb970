/** When a stream that has to wait asks whether it still has to: the answer may have been lost. Pure. */

const ASK_MS = 2000
/** Who never answers is not there: the front gives up sooner. */
const PATIENCE_MS = 120_000

export class Asking {
  #askedAt = -Infinity
  /** Since when nobody has answered; Infinity: nobody was asked. */
  #since = Infinity

  isDue(now: number): boolean {
    return now - this.#askedAt >= ASK_MS
  }

  isHopeless(now: number): boolean {
    return now - this.#since > PATIENCE_MS
  }

  asked(now: number): void {
    this.#askedAt = now
    if (this.#since === Infinity) this.#since = now
  }

  answered(): void {
    this.#askedAt = -Infinity
    this.#since = Infinity
  }
}
