/**
 * Jobs of a further attempt. Each is named in Redis before it begins, so that it is known to have begun when this worker dies as well.
 *
 * Against most of them something stands: their last worker died while it had them, and one of them may be why. Such suspects are begun one at a
 * time; so when this worker dies, it is known of whom. One that has run for a moment without harm no longer keeps the next one waiting.
 */
import { bystander, splitId } from '@tempest/protocol'
import type { Popped } from './held.js'
import type { Source } from './source.js'

/** What kills its worker does so at once, as a rule. */
const ALONE_MS = 250
const AGAIN_MS = 200

interface Attempt {
  id: string
  /** As it is named: the id, or that of a bystander. */
  mark: string
  popped: Popped
  source: Source
  begin: () => void
  /** It is being named in Redis. */
  naming: boolean
}

export class Suspects {
  readonly #freed: () => void
  #waiting: Attempt[] = []
  #running: Attempt[] = []
  /** Those of which is asked whether anything stands against them, and those being named. */
  #asked: Attempt[] = []
  #beganAt = -Infinity
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  /** @param freed called when one that was to begin does not. */
  constructor(freed: () => void) {
    this.#freed = freed
  }

  /** How many are about to begin. */
  get waiting(): number {
    return this.#waiting.length + this.#asked.length
  }

  /** @param begin called at its turn. */
  add(id: string, popped: Popped, source: Source, begin: () => void): void {
    // Until then it can be put back; and a held list that is read anew tells of it again.
    popped.begun = false
    if ([...this.#waiting, ...this.#asked].some((each) => each.popped === popped)) return
    void this.#ask({ id, mark: id, popped, source, begin, naming: false })
  }

  /** It is out of the worker's hands. @param over and not tried again. */
  ended(popped: Popped, over: boolean): void {
    if (this.#running.length === 0) return
    const attempt = this.#running.find((each) => each.popped === popped)
    if (!attempt) return
    this.#running = this.#running.filter((each) => each !== attempt)
    // One that was swept may have been popped again by this very worker.
    const again = this.#running.some((each) => each.mark === attempt.mark)
    if (!again) attempt.source.unmark(attempt.mark, over)
    this.#next()
  }

  /** The connection was lost and is back: what is named may be out of date. */
  async mend(source: Source): Promise<void> {
    const named = [...this.#running, ...this.#asked.filter((each) => each.naming)]
    const mine = named.filter((each) => each.source === source)
    await source.failures.remark(mine.map((each) => each.mark))
  }

  /** Begins no more. */
  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#waiting = []
  }

  async #ask(attempt: Attempt): Promise<void> {
    this.#asked.push(attempt)
    let suspect = true
    try {
      suspect = await attempt.source.failures.isSuspect(splitId(attempt.id).base)
    } catch {
      // Redis is away: its turn will show whether it is still held.
    }
    this.#asked = this.#asked.filter((each) => each !== attempt)
    if (this.#stopped) return
    if (suspect) {
      this.#waiting.push(attempt)
      this.#next()
    } else {
      attempt.mark = bystander(attempt.id)
      if (await this.#begin(attempt)) this.#next()
    }
  }

  #next(): void {
    const naming = this.#asked.some((each) => each.mark === each.id)
    if (naming || this.#stopped || this.#waiting.length === 0) return
    const alone = this.#running.some((each) => each.mark === each.id)
    const early = alone ? this.#beganAt + ALONE_MS - performance.now() : 0
    if (early > 0) {
      this.#again(early)
      return
    }
    const attempt = this.#waiting.shift()
    if (!attempt) return
    void this.#begin(attempt).then((named) => {
      // Else the timer goes on: at once would be again and again, without a turn for anything else.
      if (named) this.#next()
    })
  }

  /** @returns whether it could be named. */
  async #begin(attempt: Attempt): Promise<boolean> {
    const { mark, popped, source } = attempt
    attempt.naming = true
    this.#asked.push(attempt)
    const named = await source.failures.mark(mark).then(
      () => true,
      () => false,
    )
    this.#asked = this.#asked.filter((each) => each !== attempt)
    attempt.naming = false
    if (this.#stopped) return false
    if (!named) {
      // Redis is away, or full: not begun without a name.
      this.#waiting.unshift(attempt)
      this.#again(AGAIN_MS)
      return false
    }
    if (popped.done || popped.begun) {
      // Swept meanwhile, it belongs to somebody else.
      source.failures.unmark(mark, false)
      this.#freed()
    } else {
      popped.begun = true
      if (mark === attempt.id) this.#beganAt = performance.now()
      this.#running.push(attempt)
      attempt.begin()
    }
    return true
  }

  #again(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#next(), ms)
    this.#timer.unref()
  }
}
