/**
 * The head of a worker's reply, `[status, headers]`: checked, and written to a response. What is not valid is told as a reason.
 *
 * Fields of one hop are dropped. HEAD, 204, 205 and 304 have no body (RFC 9110, 6.4.1, 8.6 and 15.3.6).
 */
import { type ServerResponse, validateHeaderName, validateHeaderValue } from 'node:http'
import { isDate } from 'node:util/types'
import { isHopByHop, nominatedBy } from './headers.js'

export interface ReplyContext {
  method: string | undefined
  requestId: string
  close: boolean
}

export interface ReplyHead {
  status: number
  /** Names and values in turn, as writeHead takes them; without a content-length. */
  list: string[]
  /** What the worker said; digits only. */
  contentLength: string | undefined
  contentType: string | undefined
  bodiless: boolean
}

const beyondAscii = /[^\0-\x7f]/

/**
 * What may be given to Node behind this head. Node writes a head and a text as one, in the encoding of the text; a field is Latin-1
 * (RFC 9110, 5.5) and must not become UTF-8.
 */
export function besideHead({ list }: ReplyHead, body: string | Buffer): string | Buffer {
  const plain =
    typeof body !== 'string' || body === '' || !list.some((text) => beyondAscii.test(text))
  return plain ? body : Buffer.from(body)
}

/** @returns the head, or what is wrong with it. */
export function readHead(
  status: unknown,
  headers: unknown,
  context: ReplyContext,
): ReplyHead | string {
  if (typeof status !== 'number' || !Number.isInteger(status) || status < 200 || status > 599) {
    return `status ${String(status)}`
  }
  if (!isPlain(headers)) return 'headers'
  // Its bytes would be taken for fields.
  if (Buffer.isBuffer(headers)) return 'headers'
  const bodiless = context.method === 'HEAD' || status === 204 || status === 205 || status === 304
  // Spelled out: a spread of it costs a microsecond of each request.
  const head: ReplyHead = {
    status,
    list: [],
    contentLength: undefined,
    contentType: undefined,
    bodiless,
  }
  return readFields(head, headers, context) ?? head
}

/** MessagePack has dates and bytes, too, which are no fields. */
function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return !isDate(value) && !ArrayBuffer.isView(value)
}

function readFields(head: ReplyHead, headers: object, context: ReplyContext): string | undefined {
  const { list } = head
  let requestId = false
  const entries = Object.entries(headers)
  const nominated = nominatedBy(connectionOf(entries))
  for (const [name, value] of entries) {
    const lower = name.toLowerCase()
    if (isHopByHop(lower, nominated)) continue
    if (lower === 'content-length') {
      const text = String(value)
      if (/^\d{1,15}$/.test(text)) head.contentLength = text
      continue
    }
    if (lower === 'x-request-id') requestId = true
    else if (lower === 'content-type') head.contentType = String(value)
    if (typeof value === 'string') list.push(name, value)
    else if (Number.isFinite(value)) list.push(name, String(value))
    else if (Array.isArray(value)) {
      for (const item of value) {
        if (typeof item !== 'string') return `header ${name}`
        list.push(name, item)
      }
    } else return `header ${name}`
  }
  if (!requestId) list.push('x-request-id', context.requestId)
  if (context.close) list.push('connection', 'close')
  return undefined
}

/** The end of the response is the end of its connection (RFC 9112, 6.3). */
export function endsWithConnection(version: string, head: ReplyHead): boolean {
  return version === '1.0' && head.contentLength === undefined && !head.bodiless
}

/** Writes a head beside what middleware before us has set. @throws what Node throws for fields that are not valid. */
export function writeHead(res: ServerResponse, { status, list }: ReplyHead): void {
  if (res.getHeaderNames().length === 0) {
    res.writeHead(status, list)
  } else {
    setFields(res, list)
    res.writeHead(status)
  }
}

/** @throws what Node throws for fields that are not valid. */
export function checkFields({ list }: ReplyHead): void {
  for (let i = 0; i + 1 < list.length; i += 2) {
    const [name = '', value = ''] = list.slice(i, i + 2)
    validateHeaderName(name)
    validateHeaderValue(name, value)
  }
}

/** The values of Connection, however it is written. */
function connectionOf(entries: [string, unknown][]): unknown[] | undefined {
  let values: unknown[] | undefined
  for (const [name, value] of entries) {
    if (name.length === CONNECTION && name.toLowerCase() === 'connection') {
      values = (values ?? []).concat(value)
    }
  }
  return values
}

const CONNECTION = 'connection'.length

/**
 * Adds to the headers that middleware before us has set; those of the same name are replaced. Nothing is set where one is not
 * valid, and several of one name are set at once: writeHead would keep only the last.
 */
function setFields(res: ServerResponse, list: string[]): void {
  const values = new Map<string, string[]>()
  for (let i = 0; i + 1 < list.length; i += 2) {
    const [name = '', value = ''] = list.slice(i, i + 2)
    validateHeaderName(name)
    validateHeaderValue(name, value)
    const lower = name.toLowerCase()
    const known = values.get(lower)
    if (known) known.push(value)
    else values.set(lower, [value])
  }
  for (const [name, all] of values) res.setHeader(name, all.length === 1 ? (all[0] ?? '') : all)
}
