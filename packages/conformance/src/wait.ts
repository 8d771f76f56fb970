/** Waiting for what will come true, with a limit; and for several things that have names. */
import { setTimeout as pause } from 'node:timers/promises'
import { Broken } from './case.js'

const STEP_MS = 10

/** The first value that is not false or undefined. @throws Broken when the time is over. */
export async function until<T>(
  what: string,
  limitMs: number,
  ask: () => Promise<T | false | undefined>,
): Promise<T> {
  const end = performance.now() + limitMs
  for (;;) {
    const value = await ask()
    if (value !== false && value !== undefined) return value
    if (performance.now() > end) throw new Broken(what, `nothing within ${limitMs} ms`)
    await pause(STEP_MS)
  }
}

/** Whoever waits for a name is called each time something arrives under it, or when all is over. */
export class Bells {
  readonly #waiting = new Map<string, Set<() => void>>()

  ring(name: string): void {
    for (const wake of this.#waiting.get(name) ?? []) wake()
  }

  ringAll(): void {
    for (const name of this.#waiting.keys()) this.ring(name)
  }

  /** Resolves at the next ring, or after the time. */
  async next(name: string, limitMs: number): Promise<void> {
    const set = this.#waiting.get(name) ?? new Set()
    this.#waiting.set(name, set)
    let wake = (): void => undefined
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      wake = resolve
      set.add(wake)
      timer = setTimeout(resolve, limitMs)
      // Who waits for nothing more, since a case is over, keeps no process.
      timer.unref()
    })
    clearTimeout(timer)
    set.delete(wake)
    if (set.size === 0) this.#waiting.delete(name)
  }
}
