/**
 * The event log as one front reads it: one XREAD for all channels and all clients, and the newest events in memory.
 *
 * The entry read last is looked at again with each read: if it is gone, the log was trimmed faster than it was read, and something may be missing.
 */
import { type Connections, type Link, listOf, reasonOf } from '@tempest/protocol'
import { Pages, readPage } from './pages.js'
import { type Logged, Ring } from './ring.js'
import { compareIds, START } from './stream-id.js'

export interface LogHandlers {
  entry(entry: Logged): void
  /** Events may be missing for everybody. */
  gap(): void
  /** The newest events are in memory: clients can join. */
  ready(): void
  malformed(count: number): void
  /** Before more is read: until what was read is written. */
  idle(): Promise<void> | undefined
}

export interface LogLimits {
  maxEventBytes: number
  maxBufferBytes: number
  ringEntries: number
  ringBytes: number
}

/** May park for this long, in ms; a link that is silent for longer is cut. */
const BLOCK_MS = 2000
/** Of one read, where clients may owe so much; else half of what they may: else a burst would cut those who read as it comes. */
const READ_BYTES = 1024 * 1024
const MAX_ENTRIES = 500
const LOAD_ENTRIES = 1000
const REFUSED_MS = 1000

export class EventLog {
  readonly ring: Ring
  readonly pages: Pages
  readonly #key: string
  readonly #connections: Connections
  readonly #limits: LogLimits
  readonly #handlers: LogHandlers
  readonly #link: Link
  #ready = false
  #tail = START
  /** Whether an entry of that id was read, and so is there unless it was trimmed. */
  #tailRead = false
  #entries = 64
  readonly #weight: number
  #reading = false
  /** The connection is new. */
  #fresh = true
  #stopped = false

  constructor(connections: Connections, key: string, limits: LogLimits, handlers: LogHandlers) {
    this.#connections = connections
    this.#key = key
    this.#limits = limits
    this.#handlers = handlers
    this.#weight = Math.max((2 * READ_BYTES) / limits.maxBufferBytes, 1)
    this.ring = new Ring(limits.ringEntries, limits.ringBytes)
    this.pages = new Pages(connections.commands, key, limits.maxEventBytes)
    this.#link = connections.block('events', {
      up: () => {
        this.#fresh = true
        void this.#run()
      },
    })
  }

  get ready(): boolean {
    return this.#ready
  }

  /** Id of the newest event that was delivered; `0-0`: there was none. */
  get tail(): string {
    return this.#tail
  }

  /** Whether what is behind this id is known to be complete. @throws what `Link.send` throws. */
  async knows(id: string): Promise<boolean> {
    if (id === this.#tail || this.ring.has(id)) return true
    if (compareIds(id, this.#tail) > 0) return false
    const { commands } = this.#connections
    if (id !== START) return listOf(await commands.send('xrange', [this.#key, id, id])).length > 0
    // The very beginning: complete where nothing was ever taken out.
    const info = await this.#info()
    return info === undefined || info.added === info.length
  }

  stop(): void {
    this.#stopped = true
    this.#link.close()
  }

  async #run(): Promise<void> {
    if (this.#reading) return
    this.#reading = true
    try {
      while (!this.#stopped) {
        if (this.#fresh) await this.#begin()
        await this.#handlers.idle()
        if (!this.#fresh) await this.#read()
      }
    } catch (error) {
      const { logger } = this.#connections.options
      // Where the connection is up Redis has refused: it may do so again, so not at once.
      if (this.#link.up) {
        logger.error({ log: this.#key, reason: reasonOf(error) }, 'the event log cannot be read')
        setTimeout(() => void this.#run(), REFUSED_MS).unref()
      } else logger.debug({ log: this.#key, reason: reasonOf(error) }, 'reading broke off')
    } finally {
      this.#reading = false
    }
  }

  /** On each new connection: what is there, and whether it is what was there before. */
  async #begin(): Promise<void> {
    this.#fresh = false
    try {
      await this.#compare()
    } catch (error) {
      this.#fresh = true
      throw error
    }
  }

  async #compare(): Promise<void> {
    const info = await this.#info()
    const last = info?.last ?? START
    if (!this.#ready) {
      await this.#load()
      if (compareIds(last, this.#tail) > 0) this.#moveTo(last, false)
      this.#ready = true
      this.#handlers.ready()
    } else if (compareIds(last, this.#tail) < 0) {
      // Redis was restarted without it, or is another one.
      this.ring.clear(START)
      this.#moveTo(START, false)
      this.#handlers.gap()
    }
  }

  /** The newest events, page by page from the end, until the ring is full. */
  async #load(): Promise<void> {
    const pages: Logged[][] = []
    const { ringEntries, ringBytes, maxEventBytes } = this.#limits
    let [from, entries, bytes] = ['+', 0, 0]
    let count = this.#entries
    let whole: boolean
    for (;;) {
      const reply = await this.#link.send('xrevrange', [this.#key, from, '-', 'COUNT', count])
      const page = readPage([...listOf(reply)].reverse(), START, maxEventBytes)
      const oldest = listOf(listOf(reply).at(-1))[0]
      if (from === '+' && page.upTo !== START) this.#moveTo(page.upTo, true)
      pages.push(page.entries)
      entries += page.entries.length
      const read = page.entries.reduce((sum, entry) => sum + entry.payload.length, 0)
      bytes += read
      whole = listOf(reply).length < count
      if (whole || entries >= ringEntries || bytes >= ringBytes) break
      from = `(${String(oldest)}`
      count = fitting(count, read, page.entries.length, LOAD_ENTRIES)
    }
    const all = pages.reverse().flat()
    // Nothing is known of what is before the first.
    this.ring.clear(whole ? START : (all[0]?.id ?? this.#tail))
    for (const entry of all) this.ring.push(entry)
  }

  async #read(): Promise<void> {
    const tail = this.#tail
    const [there, reply] = await Promise.all([
      this.#tailRead ? this.#link.send('xrange', [this.#key, tail, tail]) : undefined,
      this.#link.send('xread', [
        ...['COUNT', this.#entries, 'BLOCK', BLOCK_MS],
        ...['STREAMS', this.#key, tail],
      ]),
    ])
    const [stream] = listOf(reply)
    const page = readPage(listOf(stream)[1], tail, this.#limits.maxEventBytes)
    if (page.upTo === tail) return
    if (this.#tailRead && listOf(there).length === 0) this.#handlers.gap()
    this.#moveTo(page.upTo, true)
    if (page.malformed > 0) this.#handlers.malformed(page.malformed)
    let bytes = 0
    for (const entry of page.entries) {
      bytes += entry.payload.length
      this.ring.push(entry)
      this.#handlers.entry(entry)
    }
    this.#entries = fitting(this.#entries, bytes * this.#weight, page.entries.length, MAX_ENTRIES)
  }

  #moveTo(tail: string, read: boolean): void {
    this.#tail = tail
    this.#tailRead = read
  }

  /** Undefined where there is no log yet. */
  async #info(): Promise<{ last: string; added: number; length: number } | undefined> {
    let reply: unknown
    try {
      reply = await this.#link.send('xinfo', ['STREAM', this.#key])
    } catch (error) {
      if (/no such key/i.test(reasonOf(error))) return undefined
      throw error
    }
    const fields = fieldsOf(reply)
    return {
      last: asText(fields.get('last-generated-id')),
      added: Number(fields.get('entries-added') ?? -1),
      length: Number(fields.get('length') ?? 0),
    }
  }
}

function asText(id: unknown): string {
  return Buffer.isBuffer(id) || typeof id === 'string' ? String(id) : START
}

/** How many entries to ask for next, if they are like these. */
function fitting(asked: number, bytes: number, entries: number, most: number): number {
  const fits = Math.floor((READ_BYTES * entries) / Math.max(bytes, 1))
  return Math.min(Math.max(fits, 1), asked * 2, most)
}

function fieldsOf(reply: unknown): Map<string, unknown> {
  const fields = new Map<string, unknown>()
  const list = listOf(reply)
  for (let i = 0; i + 1 < list.length; i += 2) fields.set(String(list[i]), list[i + 1])
  return fields
}
