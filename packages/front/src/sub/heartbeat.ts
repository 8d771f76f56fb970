/**
 * Says something on every stream now and then, so that neither side nor anything in between takes it for dead; one timer for all, a part of
 * them each time. Where the log has moved on it says the newest id: who comes back with it has not missed what was not for him.
 */
import { encodeId } from './message.js'
import type { Stream } from './stream.js'

const TICK_MS = 1000

export class Heartbeat {
  readonly #parts: number
  readonly #streams: ReadonlySet<Stream>
  readonly #tail: () => string | undefined
  readonly #timer: NodeJS.Timeout
  /** What was the newest id when a part had its turn last. */
  readonly #said: (string | undefined)[] = []
  #turn = 0
  #next = 0

  /** @param tail the newest id, where all of the log is written; else undefined */
  constructor(everyMs: number, streams: ReadonlySet<Stream>, tail: () => string | undefined) {
    const tick = Math.min(TICK_MS, everyMs)
    this.#parts = Math.max(Math.floor(everyMs / tick), 1)
    this.#streams = streams
    this.#tail = tail
    this.#timer = setInterval(() => this.#beat(), tick).unref()
  }

  /** The part a new stream belongs to. */
  next(): number {
    return this.#next++ % this.#parts
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #beat(): void {
    const part = this.#turn++ % this.#parts
    const tail = this.#tail()
    const moved = tail !== undefined && tail !== this.#said[part]
    if (moved) this.#said[part] = tail
    const silence = Buffer.from(': \n\n')
    const bytes = moved ? Buffer.from(encodeId(tail)) : silence
    const now = Date.now()
    for (const stream of this.#streams) {
      if (stream.expiresAt <= now) stream.end()
      // One that owes something is not silent.
      else if (stream.beat === part && stream.socket.writableLength === 0) {
        stream.write(stream.live ? bytes : silence)
      }
    }
  }
}
