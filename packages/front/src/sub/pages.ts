/**
 * The older part of the event log, read in pages for clients that come back late. Those who come with the same id share a page: many
 * leave and come back together.
 */
import { type Link, listOf } from '@tempest/protocol'
import { Entry } from './entry.js'
import type { Logged } from './ring.js'

/** About what is written to one client at once. */
const PAGE_BYTES = 128 * 1024
const MAX_ENTRIES = 128
const KEEP_MS = 1000
const MAX_KEPT = 64
/** Reads on their way; more wait in turn. */
const MAX_READS = 8

export interface Page {
  entries: Logged[]
  /** The last id that was looked at. */
  upTo: string
  /** Entries in it that are no events. */
  malformed: number
}

export interface OlderPage extends Page {
  /** Whether the entry it begins behind is still there. */
  whole: boolean
}

export class Pages {
  readonly #link: Link
  readonly #log: string
  readonly #maxEventBytes: number
  readonly #pages = new Map<string, Promise<OlderPage>>()
  readonly #turns: (() => void)[] = []
  #reads = 0
  /** How many entries make a page, by what they have been like. */
  #entries = 64

  constructor(link: Link, log: string, maxEventBytes: number) {
    this.#link = link
    this.#log = log
    this.#maxEventBytes = maxEventBytes
  }

  /** What is behind this id, at the most a page. @throws what `Link.send` throws. */
  behind(id: string): Promise<OlderPage> {
    const known = this.#pages.get(id)
    if (known) return known
    const page = this.#inTurn(() => this.#read(id))
    this.#pages.set(id, page)
    const [oldest] = this.#pages.keys()
    if (this.#pages.size > MAX_KEPT && oldest !== undefined) this.#pages.delete(oldest)
    const forget = (): void => {
      if (this.#pages.get(id) === page) this.#pages.delete(id)
    }
    page.then(() => setTimeout(forget, KEEP_MS).unref(), forget)
    return page
  }

  async #inTurn<T>(read: () => Promise<T>): Promise<T> {
    if (this.#reads >= MAX_READS) await new Promise<void>((resolve) => this.#turns.push(resolve))
    this.#reads++
    try {
      return await read()
    } finally {
      this.#reads--
      this.#turns.shift()?.()
    }
  }

  async #read(id: string): Promise<OlderPage> {
    const [reply, there] = await Promise.all([
      this.#link.send('xrange', [this.#log, `(${id}`, '+', 'COUNT', this.#entries]),
      this.#link.send('xrange', [this.#log, id, id]),
    ])
    const page = readPage(reply, id, this.#maxEventBytes)
    this.#entries = fitting(page, this.#entries, PAGE_BYTES, MAX_ENTRIES)
    return { ...page, whole: listOf(there).length > 0 }
  }
}

/** What XRANGE and XREAD say of entries. */
export function readPage(reply: unknown, id: string, maxEventBytes: number): Page {
  const page: Page = { entries: [], upTo: id, malformed: 0 }
  for (const item of listOf(reply)) {
    const [entryId, fields] = listOf(item)
    page.upTo = String(entryId)
    const entry = readEntry(page.upTo, listOf(fields), maxEventBytes)
    if (entry) page.entries.push(entry)
    else page.malformed++
  }
  return page
}

export function bytesOf({ entries }: Page): number {
  return entries.reduce((sum, { length }) => sum + length, 0)
}

/** How many entries to ask for next, if they are like these. */
export function fitting(page: Page, asked: number, bytes: number, most: number): number {
  const count = page.entries.length + page.malformed
  const fits = Math.floor((bytes * count) / Math.max(bytesOf(page), 1))
  return count === 0 ? asked : Math.min(Math.max(fits, 1), asked * 2, most)
}

function readEntry(id: string, fields: readonly unknown[], maxBytes: number): Logged | undefined {
  let channel: string | undefined
  let data: Buffer | undefined
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const value = fields[i + 1]
    if (!Buffer.isBuffer(value)) continue
    const name = String(fields[i])
    if (name === 'channel') channel = value.toString()
    else if (name === 'data') data = value
  }
  if (channel === undefined || data === undefined) return undefined
  return new Entry(id, channel, data, maxBytes) as Logged
}
