/**
 * Jobs of a further attempt: their last worker died while it had them, and one of them may be why. They are begun one at a time, and each is named in
 * Redis before it begins; so when this worker dies as well, it is known of whom.
 *
 * One that has run for a moment without harm no longer keeps the next one waiting.
 */
import type { Popped } from './held.js'
import type { Source } from './source.js'

/** What kills its worker does so at once, as a rule. */
const ALONE_MS = 250
const AGAIN_MS = 200

interface Suspect {
  id: string
  popped: Popped
  source: Source
  begin: () => void
}

export class Suspects {
  #waiting: Suspect[] = []
  #running: Suspect[] = []
  #marking = false
  #beganAt = -Infinity
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  /** How many wait for their turn. */
  get waiting(): number {
    return this.#waiting.length + (this.#marking ? 1 : 0)
  }

  /** @param begin called at its turn. */
  add(id: string, popped: Popped, source: Source, begin: () => void): void {
    // Until then it can be put back; and a held list that is read anew tells of it again.
    popped.begun = false
    if (this.#waiting.some((each) => each.popped === popped)) return
    this.#waiting.push({ id, popped, source, begin })
    this.#next()
  }

  /** It is out of the worker's hands. @param over and not tried again. */
  ended(popped: Popped, over: boolean): void {
    if (this.#running.length === 0) return
    const suspect = this.#running.find((each) => each.popped === popped)
    if (!suspect) return
    this.#running = this.#running.filter((each) => each !== suspect)
    suspect.source.failures.unmark(suspect.id, over)
    this.#next()
  }

  /** The connection was lost and is back: what is marked may be out of date. */
  async mend(source: Source): Promise<void> {
    const ids = this.#running.filter((each) => each.source === source).map((each) => each.id)
    await source.failures.remark(ids)
  }

  /** Begins no more. */
  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#waiting = []
  }

  #next(): void {
    if (this.#marking || this.#stopped || this.#waiting.length === 0) return
    const early = this.#running.length > 0 ? this.#beganAt + ALONE_MS - performance.now() : 0
    if (early > 0) {
      this.#again(early)
      return
    }
    const suspect = this.#waiting.shift()
    if (suspect) void this.#begin(suspect)
  }

  async #begin(suspect: Suspect): Promise<void> {
    this.#marking = true
    let marked = false
    try {
      await suspect.source.failures.mark(suspect.id)
      marked = true
    } catch {
      // Redis is away, or full: not begun without a mark.
      this.#again(AGAIN_MS)
    }
    this.#marking = false
    const { popped } = suspect
    if (!marked || this.#stopped) {
      if (!this.#stopped) this.#waiting.unshift(suspect)
      return
    }
    // Swept meanwhile, it belongs to somebody else.
    if (popped.done || popped.begun) suspect.source.failures.unmark(suspect.id, false)
    else {
      popped.begun = true
      this.#beganAt = performance.now()
      this.#running.push(suspect)
      suspect.begin()
    }
    this.#next()
  }

  #again(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#next(), ms)
    this.#timer.unref()
  }
}
