/**
 * The event log as one front reads it: one XREAD for all channels and all clients, and the newest events in memory.
 *
 * The entry read last is looked at again behind each read: if it is gone, the log was trimmed faster than it was read, and something may be missing.
 */
import { type Connections, isReplyError, type Link, listOf, reasonOf } from '@tempest/protocol'
import { readLogInfo } from './log-info.js'
import { bytesOf, fitting, type Page, Pages, readPage } from './pages.js'
import { type Logged, Ring } from './ring.js'
import { compareIds, START } from './stream-id.js'

export interface LogHandlers {
  entry(entry: Logged): void
  /** Events may be missing for everybody. */
  gap(): void
  /** The newest events are in memory: clients can join. */
  ready(): void
  malformed(count: number): void
  /** Before more is read: until what was read is written, or for a moment. */
  idle(): Promise<void>
}

export interface LogLimits {
  maxEventBytes: number
  maxBufferBytes: number
  ringEntries: number
  ringBytes: number
}

const BLOCK_MS = 2000
/** Of one read; half of what clients may owe where that is less: else a burst would cut those who read as it comes. */
const READ_BYTES = 1024 * 1024
const MAX_ENTRIES = 128
const REFUSED_MS = 1000
const LOOK_MS = 50
const REACH_MS = 10_000

export class EventLog {
  readonly ring: Ring
  readonly pages: Pages
  readonly #key: string
  readonly #connections: Connections
  readonly #limits: LogLimits
  readonly #handlers: LogHandlers
  /** Reads what is new; parked most of the time. */
  readonly #link: Link
  /** Reads what clients ask for, which must not hold up jobs. */
  readonly #past: Link
  readonly #readBytes: number
  #ready = false
  #refused = false
  #tail = START
  /** Whether an entry of that id was read, and so is there unless it was trimmed. */
  #tailRead = false
  #entries = 64
  #reading = false
  /** The connection is new. */
  #fresh = true
  #stopped = false

  constructor(connections: Connections, key: string, limits: LogLimits, handlers: LogHandlers) {
    this.#connections = connections
    this.#key = key
    this.#limits = limits
    this.#handlers = handlers
    this.#readBytes = Math.min(READ_BYTES, limits.maxBufferBytes / 2)
    this.ring = new Ring(limits.ringEntries, limits.ringBytes)
    this.#past = connections.block('past', {})
    this.pages = new Pages(this.#past, key, limits.maxEventBytes)
    this.#link = connections.block('events', {
      up: () => {
        this.#fresh = true
        void this.#run()
      },
    })
    // What is parked at a Redis that is the master no longer would hear nothing more.
    connections.onRenewed(() => {
      this.#link.reset()
      this.#past.reset()
    })
  }

  get ready(): boolean {
    return this.#ready
  }

  /** Redis is there and will not let it be read. */
  get refused(): boolean {
    return this.#refused
  }

  /** Id of the newest event that was delivered; `0-0`: there was none. */
  get tail(): string {
    return this.#tail
  }

  /** Whether what is behind this id is known to be complete. @throws what `Link.send` throws. */
  async knows(id: string): Promise<boolean> {
    if (id === this.#tail || this.ring.has(id)) return true
    if (id !== START) return listOf(await this.#past.send('xrange', [this.#key, id, id])).length > 0
    // The very beginning: complete where nothing was ever taken out.
    const info = await readLogInfo(this.#past, this.#key)
    return info === undefined ? this.#tail === START : info.added === info.length
  }

  /** Of an id that another front was told before this one: resolves to true when it is here too, to false where Redis does not know it. */
  async reaches(id: string, over: () => boolean): Promise<boolean> {
    const info = await readLogInfo(this.#past, this.#key)
    if (!info || compareIds(info.last, id) < 0) return false
    const until = performance.now() + REACH_MS
    while (compareIds(this.#tail, id) < 0 && !over()) {
      if (performance.now() > until) return false
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    }
    return true
  }

  stop(): void {
    this.#stopped = true
    this.#link.close()
    this.#past.close()
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
      const reason = reasonOf(error)
      if (isReplyError(error)) {
        this.#fresh = this.#refused = true
        logger.error({ log: this.#key, reason }, 'the event log cannot be read')
      } else logger.debug({ log: this.#key, reason }, 'reading broke off')
      // What Redis refuses it may refuse again, so not at once. What broke may be up again already.
      const ms = this.#refused ? REFUSED_MS : LOOK_MS
      if (this.#link.up) setTimeout(() => void this.#run(), ms).unref()
    } finally {
      this.#reading = false
    }
  }

  /** On each new connection: what is there, and whether it is what was there before. */
  async #begin(): Promise<void> {
    this.#fresh = false
    try {
      await this.#compare()
      this.#refused = false
    } catch (error) {
      this.#fresh = true
      throw error
    }
  }

  async #compare(): Promise<void> {
    const last = (await readLogInfo(this.#link, this.#key))?.last ?? START
    if (!this.#ready) {
      await this.#load()
      if (compareIds(last, this.#tail) > 0) this.#moveTo(last, false)
      this.#ready = true
      this.#handlers.ready()
    } else if (compareIds(last, this.#tail) < 0) {
      const newest = readPage(await this.#newest('+', 1), START, 1)
      // The same log without its end; or another one, of which all is new.
      if (this.ring.has(newest.upTo)) await this.#load()
      else {
        this.ring.clear(START)
        this.#moveTo(START, false)
      }
      this.#handlers.gap()
    }
  }

  /** The newest events, page by page from the end, until the ring is full. */
  async #load(): Promise<void> {
    const pages: Page[] = []
    const { ringEntries, ringBytes, maxEventBytes } = this.#limits
    let [from, entries, bytes, count] = ['+', 0, 0, 64]
    let whole: boolean
    let tail = START
    for (;;) {
      const reply = await this.#newest(from, count)
      const page = readPage([...reply].reverse(), START, maxEventBytes)
      if (from === '+') tail = page.upTo
      pages.push(page)
      entries += page.entries.length
      bytes += bytesOf(page)
      whole = reply.length < count
      if (whole || entries >= ringEntries || bytes >= ringBytes) break
      from = `(${String(listOf(reply.at(-1))[0])}`
      count = fitting(page, count, this.#readBytes, MAX_ENTRIES)
    }
    const all = pages.reverse().flatMap((page) => page.entries)
    // Of what is before the first nothing is known.
    const first = whole ? undefined : all.shift()
    this.ring.clear(whole ? START : (first?.id ?? tail))
    for (const entry of all) this.ring.push(entry)
    this.#moveTo(tail, tail !== START)
  }

  /** Backwards. */
  async #newest(from: string, count: number): Promise<readonly unknown[]> {
    return listOf(await this.#link.send('xrevrange', [this.#key, from, '-', 'COUNT', count]))
  }

  async #read(): Promise<void> {
    const tail = this.#tail
    const options = ['COUNT', this.#entries, 'BLOCK', BLOCK_MS, 'STREAMS', this.#key, tail]
    const [reply, there] = await Promise.all([
      this.#link.send('xread', options),
      this.#tailRead ? this.#link.send('xrange', [this.#key, tail, tail]) : undefined,
    ])
    const [stream] = listOf(reply)
    const page = readPage(listOf(stream)[1], tail, this.#limits.maxEventBytes)
    if (page.upTo === tail) return
    if (this.#tailRead && listOf(there).length === 0) this.#handlers.gap()
    this.#moveTo(page.upTo, true)
    if (page.malformed > 0) this.#handlers.malformed(page.malformed)
    for (const entry of page.entries) {
      this.ring.push(entry)
      this.#handlers.entry(entry)
    }
    this.#entries = fitting(page, this.#entries, this.#readBytes, MAX_ENTRIES)
  }

  #moveTo(tail: string, read: boolean): void {
    this.#tail = tail
    this.#tailRead = read
  }
}
