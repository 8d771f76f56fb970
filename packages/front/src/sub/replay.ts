/**
 * From its request to live: a stream first gets what it has missed. Whatever is added to the log meanwhile comes after it in the same order, so
 * nothing is missed and nothing comes twice.
 */
import { once } from 'node:events'
import type { EventLog } from './log.js'
import { encodeGap } from './message.js'
import type { Logged } from './ring.js'
import type { Stream } from './stream.js'
import { compareIds, isStreamId, START } from './stream-id.js'

export interface Wanted {
  /** Last-Event-ID of the client. */
  after: string | undefined
  /** So many of the newest events, where there is no `after`. */
  last: number
}

/** Written at once; a client that takes them gets more. */
const WRITE_BYTES = 64 * 1024
/** How long, in ms, a client may take for one write. */
const TAKE_MS = 30_000

export class Replay {
  readonly #stream: Stream
  readonly #log: EventLog
  readonly #wanted: Wanted
  readonly #names: Set<string>
  /** What is behind this id is still to be written. */
  #at: string | undefined
  /** That id is an entry of the log, or was. */
  #sure = false

  constructor(stream: Stream, log: EventLog, wanted: Wanted) {
    this.#stream = stream
    this.#log = log
    this.#wanted = wanted
    this.#names = new Set(stream.channels.map(({ name }) => name))
  }

  /**
   * Writes it all, or as far as it comes: it may be called again.
   * @param through called when all is written, before anything else can be added to the log
   * @throws what `Link.send` throws
   */
  async run(through: () => void): Promise<void> {
    const { ring, pages } = this.#log
    this.#at ??= await this.#begin()
    while (!this.#stream.over) {
      const at: string = this.#at
      // It may move on while what is read here is on its way.
      const { floor } = ring
      if (compareIds(at, floor) >= 0) {
        const from = ring.behind(at)
        const last = this.#write((i) => ring.at(from + i), WRITE_BYTES)
        if (last === undefined) {
          through()
          return
        }
        this.#at = last
      } else {
        const { entries, upTo, whole } = await pages.behind(at)
        // It was trimmed meanwhile.
        if (this.#sure && !whole) this.#stream.write(encodeGap('log'))
        const last = this.#write((i) => entries[i], WRITE_BYTES, floor)
        const end = upTo === at || compareIds(upTo, floor) > 0 ? floor : upTo
        this.#at = last ?? end
      }
      this.#sure = this.#at !== START
      await this.#taken()
    }
  }

  /** @returns the id behind which it goes on. */
  async #begin(): Promise<string> {
    const { after, last } = this.#wanted
    const log = this.#log
    if (after === undefined) return last > 0 ? this.#before(last) : log.tail
    if (!isStreamId(after)) {
      this.#stream.write(encodeGap('log'))
      return log.tail
    }
    const ahead = compareIds(after, log.tail) > 0
    const known = ahead ? await log.reaches(after, () => this.#stream.over) : await log.knows(after)
    this.#sure = known && after !== START
    if (known) return after
    this.#stream.write(encodeGap('log'))
    // From a future that was lost: what is before it the client has had.
    return ahead ? log.tail : after
  }

  /** Where the last so many of these channels begin, as far as they are in memory. */
  #before(last: number): string {
    const { ring } = this.#log
    let found = 0
    for (let i = ring.length - 1; i >= 0; i--) {
      const entry = ring.at(i)
      if (!entry || !this.#names.has(entry.channel) || entry.ends) continue
      if (++found === last) return ring.at(i - 1)?.id ?? ring.floor
    }
    return ring.floor
  }

  /**
   * Writes what is for this stream, about so many bytes.
   * @param upTo not beyond this id
   * @returns the id it came to; undefined: the end
   */
  #write(
    entryAt: (index: number) => Logged | undefined,
    most: number,
    upTo?: string,
  ): string | undefined {
    const parts: Buffer[] = []
    const ended: string[] = []
    let bytes = 0
    let last: string | undefined
    for (let i = 0; bytes < most; i++) {
      const entry = entryAt(i)
      if (!entry || (upTo !== undefined && compareIds(entry.id, upTo) > 0)) {
        last = undefined
        break
      }
      last = entry.id
      if (!this.#names.has(entry.channel)) continue
      if (entry.ends) {
        // Who asks for old events does not ask for an old end.
        if (this.#wanted.after === undefined) continue
        this.#names.delete(entry.channel)
        ended.push(entry.channel)
      }
      parts.push(entry.bytes)
      bytes += entry.bytes.length
    }
    if (parts.length > 0) this.#stream.write(Buffer.concat(parts))
    for (const channel of [...this.#stream.channels]) {
      if (ended.includes(channel.name)) this.#stream.endChannel(channel)
    }
    return last
  }

  /** Resolves when the client has taken what was written; one that does not is cut. */
  async #taken(): Promise<void> {
    const { socket, over } = this.#stream
    if (over || !socket.writableNeedDrain) return
    const waiting = new AbortController()
    const timer = setTimeout(() => this.#stream.cut(), TAKE_MS)
    const { signal } = waiting
    const events = ['drain', 'close'].map((event) => once(socket, event, { signal }))
    await Promise.race(events).catch(() => undefined)
    clearTimeout(timer)
    for (const event of events) event.catch(() => undefined)
    waiting.abort()
  }
}
