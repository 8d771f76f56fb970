/** Clients that know nothing of each other: each reads a stream until its `end` and tells what it saw. */
import { EventSource } from 'eventsource'
import { createParser } from 'eventsource-parser'
import { get } from 'node:http'
import type { Page } from 'playwright-core'
import { elementsOf, fieldsOf } from '../helpers/json'
import { until } from '../helpers/until'
import { eventNames, READY } from './cases'

export interface Event {
  readonly event: string
  readonly data: string
  /** Of the parser: the event's own. Of an EventSource: the last there was. */
  readonly id: string | undefined
}

export interface Reader {
  /** Whether it has seen an event `ready`. */
  ready(): boolean | Promise<boolean>
  /** What else it saw, when the stream has ended. */
  ended(): Promise<Event[]>
}

export interface Parsed {
  readonly events: Event[]
  readonly retries: number[]
  readonly comments: string[]
  /** Fields that no standard knows, and others that break its rules. */
  readonly errors: string[]
}

/** What eventsource-parser makes of a stream that comes in pieces of so many bytes. */
export function parse(stream: Buffer, pieceBytes: number): Parsed {
  const parsed: Parsed = { events: [], retries: [], comments: [], errors: [] }
  const parser = createParser({
    onEvent: ({ event = 'message', data, id }) => parsed.events.push({ event, data, id }),
    onRetry: (ms) => parsed.retries.push(ms),
    onComment: (comment) => parsed.comments.push(comment),
    onError: ({ message }) => parsed.errors.push(message),
  })
  const decoder = new TextDecoder()
  for (let at = 0; at < stream.length; at += pieceBytes) {
    const piece = stream.subarray(at, at + pieceBytes)
    parser.feed(decoder.decode(piece, { stream: true }))
  }
  return parsed
}

/** Keeps the bytes as they come. */
export function readBytes(url: string): Reader & { stream: Buffer } {
  const chunks: Buffer[] = []
  const whole = new Promise<void>((resolve, reject) => {
    get(url, { agent: false }, (res) => {
      res.on('data', (chunk: Buffer) => chunks.push(chunk))
      res.on('error', reject)
      res.on('end', resolve)
    }).on('error', reject)
  })
  whole.catch(() => undefined) // whoever waits for its end is told
  return {
    get stream() {
      return Buffer.concat(chunks)
    },
    ready: () => Buffer.concat(chunks).includes(`event: ${READY}\n`),
    async ended() {
      await whole
      return parse(this.stream, this.stream.length).events.filter(({ event }) => event !== READY)
    },
  }
}

/** The package `eventsource`. */
export function readWithPackage(url: string): Reader {
  const source = new EventSource(url)
  const events: Event[] = []
  let ready = false
  const whole = new Promise<Event[]>((resolve, reject) => {
    for (const name of eventNames) {
      source.addEventListener(name, (event) => {
        if (!(event instanceof MessageEvent)) return
        if (name === READY) ready = true
        else events.push({ event: name, data: String(event.data), id: event.lastEventId })
        if (name !== 'end') return
        source.close()
        resolve(events)
      })
    }
    source.addEventListener('error', (event) => {
      if (event instanceof MessageEvent) return
      source.close()
      reject(new Error(`eventsource: ${String(event.message)}`))
    })
  })
  whole.catch(() => undefined)
  return { ready: () => ready, ended: () => whole }
}

/** Chromium's EventSource, in a page that has reader.html open. */
export function readInPage(page: Page, channel: string): Reader {
  const look = async (): Promise<Record<string, unknown>> => {
    const streams = fieldsOf(await page.evaluate<unknown>('window.streams'))
    const stream = fieldsOf(streams[channel])
    if (stream.failed === true) throw new Error('EventSource: error')
    return stream
  }
  return {
    ready: async () => (await look()).ready === true,
    async ended() {
      const stream = await until(async () => {
        const now = await look()
        return now.ended === true ? now : undefined
      })
      return elementsOf(stream.events).map((each) => {
        const { event, data, id } = fieldsOf(each)
        return { event: String(event), data: String(data), id: String(id) }
      })
    },
  }
}

/** The query of reader.html. */
export function queryOf(channels: readonly string[]): string {
  const query = new URLSearchParams()
  for (const channel of channels) query.append('channel', channel)
  for (const name of eventNames) query.append('event', name)
  return String(query)
}
