/**
 * The open exchanges of a node, each in a numbered slot; the number is part of its id, so that finding it is indexing an array. Pure.
 *
 * Not a Map: one that lives long and changes with every request keeps its discarded tables, and so the requests that
 * were in them, alive until the next full collection.
 */
import { numberOf } from './wire/ids.js'

export class Slots<T extends { readonly base: string }> {
  readonly #entries: (T | undefined)[] = []
  readonly #free: number[] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The number the next entry will have. */
  next(): number {
    return this.#free.at(-1) ?? this.#entries.length
  }

  /** Puts an entry into the slot that `next` told. */
  add(n: number, entry: T): void {
    if (this.#free.length > 0) this.#free.pop()
    this.#entries[n] = entry
    this.#size++
  }

  /** The entry with exactly this base id. */
  get(base: string): T | undefined {
    const entry = this.#entries[numberOf(base)]
    return entry?.base === base ? entry : undefined
  }

  delete(entry: T): void {
    const n = numberOf(entry.base)
    if (this.#entries[n] !== entry) return
    this.#entries[n] = undefined
    this.#free.push(n)
    this.#size--
  }

  all(): T[] {
    return this.#entries.filter((entry) => entry !== undefined)
  }
}
