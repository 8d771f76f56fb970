/** The newest events of the log, bounded in number and bytes: what most who come back have missed. Pure. */
import type { Entry } from './entry.js'
import { compareIds, START } from './stream-id.js'

export interface Logged extends Entry {
  readonly id: string
}

/** Half of the array may be what was dropped; then it is made anew. */
const COMPACT_FROM = 1024

export class Ring {
  readonly #maxEntries: number
  readonly #maxBytes: number
  #entries: (Logged | undefined)[] = []
  #start = 0
  #floor = START
  /** As it was when they came: encoding one makes it larger. */
  #sizes: number[] = []
  #bytes = 0

  constructor(maxEntries: number, maxBytes: number) {
    this.#maxEntries = maxEntries
    this.#maxBytes = maxBytes
  }

  get length(): number {
    return this.#entries.length - this.#start
  }

  get bytes(): number {
    return this.#bytes
  }

  /** All events behind this id are here. */
  get floor(): string {
    return this.#floor
  }

  /** Adds one that is newer than all others. */
  push(entry: Logged): void {
    // Both forms of it may be held.
    const size = entry.size + entry.payload.length
    this.#entries.push(entry)
    this.#sizes.push(size)
    this.#bytes += size
    while (this.length > this.#maxEntries || (this.#bytes > this.#maxBytes && this.length > 1))
      this.#drop()
  }

  /** Begins anew: all that comes now is behind this id. */
  clear(floor: string): void {
    this.#entries = []
    this.#sizes = []
    this.#start = this.#bytes = 0
    this.#floor = floor
  }

  at(index: number): Logged | undefined {
    return index < 0 ? undefined : this.#entries[this.#start + index]
  }

  /** The index of the first entry behind this id, whether or not it is here itself. */
  behind(id: string): number {
    let low = 0
    let high = this.length
    while (low < high) {
      const middle = (low + high) >> 1
      const entry = this.at(middle)
      if (entry && compareIds(entry.id, id) <= 0) low = middle + 1
      else high = middle
    }
    return low
  }

  has(id: string): boolean {
    return this.at(this.behind(id) - 1)?.id === id
  }

  #drop(): void {
    this.#bytes -= this.#sizes[this.#start] ?? 0
    this.#floor = this.#entries[this.#start]?.id ?? this.#floor
    this.#entries[this.#start++] = undefined
    if (this.#start < COMPACT_FROM || this.#start * 2 < this.#entries.length) return
    this.#entries = this.#entries.slice(this.#start)
    this.#sizes = this.#sizes.slice(this.#start)
    this.#start = 0
  }
}
