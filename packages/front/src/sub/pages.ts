/**
 * The older part of the event log, read in pages for clients that come back late. Those who come with the same id share a page: many
 * leave and come back together.
 */
import { type Link, listOf } from '@tempest/protocol'
import { Entry } from './entry.js'
import type { Logged } from './ring.js'

const PAGE_BYTES = 1024 * 1024
const MAX_ENTRIES = 500
const KEEP_MS = 1000
/** Pages kept or on their way; more wait their turn. */
const MAX_PAGES = 32

export interface Page {
  entries: Logged[]
  /** The last id that was looked at. */
  upTo: string
  /** Entries in it that are no events. */
  malformed: number
}

export class Pages {
  readonly #link: Link
  readonly #log: string
  readonly #maxEventBytes: number
  readonly #pages = new Map<string, Promise<Page>>()
  /** How many entries make a page, by what they have been like. */
  #entries = 64

  constructor(link: Link, log: string, maxEventBytes: number) {
    this.#link = link
    this.#log = log
    this.#maxEventBytes = maxEventBytes
  }

  /** What is behind this id, at the most a page. @throws what `Link.send` throws. */
  async behind(id: string): Promise<Page> {
    for (;;) {
      const known = this.#pages.get(id)
      if (known) return known
      if (this.#pages.size < MAX_PAGES) break
      await Promise.race(this.#pages.values()).catch(() => undefined)
      await new Promise((resolve) => setTimeout(resolve, KEEP_MS / 20))
    }
    const page = this.#read(id)
    this.#pages.set(id, page)
    const forget = (): unknown => setTimeout(() => this.#pages.delete(id), KEEP_MS).unref()
    page.then(forget, () => this.#pages.delete(id))
    return page
  }

  async #read(id: string): Promise<Page> {
    const reply = await this.#link.send('xrange', [
      this.#log,
      `(${id}`,
      '+',
      'COUNT',
      this.#entries,
    ])
    const page = readPage(reply, id, this.#maxEventBytes)
    const bytes = page.entries.reduce((sum, entry) => sum + entry.payload.length, 0)
    const mean = bytes / Math.max(page.entries.length, 1)
    this.#entries = Math.min(Math.max(Math.floor(PAGE_BYTES / Math.max(mean, 1)), 1), MAX_ENTRIES)
    return page
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
