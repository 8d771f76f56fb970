/**
 * Writes to many sockets in turns: a slice of a few milliseconds, then everything else of this process, then the next. So one event for
 * ten thousand clients holds up nobody else, and what comes meanwhile is written together.
 */

export interface Pumped {
  /** Does one write, or a little. @returns whether it is through; it may have been added again meanwhile. */
  pump(): boolean
}

const SLICE_MS = 4
/** So many between two looks at the clock. */
const LOOK_EVERY = 32

export class Pump {
  #waiting: Pumped[] = []
  #next = 0
  #scheduled = false
  #resolves: (() => void)[] = []

  /** Nothing waits to be written. */
  get idle(): boolean {
    return !this.#scheduled
  }

  add(pumped: Pumped): void {
    this.#waiting.push(pumped)
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(this.#turn)
  }

  /** Resolves when nothing waits to be written; undefined: now. */
  whenIdle(): Promise<void> | undefined {
    return this.idle ? undefined : new Promise((resolve) => this.#resolves.push(resolve))
  }

  readonly #turn = (): void => {
    const until = performance.now() + SLICE_MS
    for (let n = 1; this.#next < this.#waiting.length; n++) {
      if (this.#waiting[this.#next]?.pump() !== false) this.#next++
      if (n % LOOK_EVERY === 0 && performance.now() >= until) break
    }
    if (this.#next < this.#waiting.length) {
      if (this.#next > this.#waiting.length / 2) this.#compact()
      setImmediate(this.#turn)
      return
    }
    this.#compact()
    this.#scheduled = false
    for (const resolve of this.#resolves.splice(0)) resolve()
  }

  #compact(): void {
    this.#waiting = this.#waiting.slice(this.#next)
    this.#next = 0
  }
}
