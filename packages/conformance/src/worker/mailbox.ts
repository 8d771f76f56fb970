/** The mailbox of the scripted front: reads all that arrives, keeps it by job, and tells who waits. */
import type { Redis } from 'ioredis'
import { setTimeout as pause } from 'node:timers/promises'
import { read } from '../encoding.js'
import { Bells } from '../wait.js'

export interface Entry {
  verb: unknown
  /** As it came. */
  id: unknown
  third: unknown
  fourth: unknown
  /** The whole array, or the text where it is none. */
  whole: unknown
  text: string
  /** Of all that came, counted from 1. */
  nth: number
}

/** All cases together make a few thousand jobs, with some hundred MB at the most. */
const MAX_ENTRIES = 50_000
const MAX_BYTES = 512 * 1024 * 1024

export class Inbox {
  /** By the text of their id. */
  readonly #byId = new Map<string, Entry[]>()
  /** What has no id that could be read, or is no entry at all. */
  readonly strays: Entry[] = []
  readonly #bells = new Bells()
  #count = 0
  #bytes = 0
  #stopped = false

  /** @param flooded called once, where more comes than any worker has to say; then no more is read */
  constructor(redis: Redis, key: string, flooded: (what: string) => void) {
    void this.#read(redis, key, flooded)
  }

  of(id: string): readonly Entry[] {
    return this.#byId.get(id) ?? []
  }

  /** Until something arrives for that id, or the time is over. */
  next(id: string, limitMs: number): Promise<void> {
    return this.#bells.next(id, limitMs)
  }

  /** Whoever waits looks again: the worker may have died. */
  wake(): void {
    this.#bells.ringAll()
  }

  stop(): void {
    this.#stopped = true
  }

  async #read(redis: Redis, key: string, flooded: (what: string) => void): Promise<void> {
    while (!this.#stopped) {
      try {
        const found = await redis.blpopBuffer(key, 1)
        if (found) this.#take(found[1])
        const waiting = this.#count % 100 === 0 ? await redis.llen(key) : 0
        if (this.#count + waiting > MAX_ENTRIES || this.#bytes > MAX_BYTES) {
          this.#stopped = true
          flooded(`${this.#count + waiting} entries, ${this.#bytes} bytes read`)
        }
      } catch {
        await pause(20) // Redis is being started again
      }
    }
  }

  #take(bytes: Buffer): void {
    this.#bytes += bytes.length
    const entry = readEntry(bytes, ++this.#count)
    const { id } = entry
    if (typeof id !== 'string' && typeof id !== 'number') {
      this.strays.push(entry)
      return
    }
    const known = this.#byId.get(String(id))
    if (known) known.push(entry)
    else this.#byId.set(String(id), [entry])
    this.#bells.ring(String(id))
  }
}

function readEntry(bytes: Buffer, nth: number): Entry {
  const text = bytes.toString('utf8')
  const whole = read(bytes)
  const list: unknown[] = Array.isArray(whole) ? whole : []
  const [verb, id, third, fourth] = list
  return { verb, id, third, fourth, whole, text, nth }
}
