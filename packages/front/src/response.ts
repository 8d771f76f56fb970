/**
 * Writes a worker's reply, `[status, headers, body?]`, to a client. What is not a valid reply is told as a reason and nothing is written.
 *
 * Content-Length is always ours; fields of one hop are dropped. HEAD, 204, 205 and 304 have no body (RFC 9110, 6.4.1, 8.6 and 15.3.6).
 */
import { type ServerResponse, validateHeaderName, validateHeaderValue } from 'node:http'
import { decodeBytes, listOf, reasonOf } from '@tempest/protocol'
import { isHopByHop, nominatedBy } from './headers.js'

export interface ReplyContext {
  method: string | undefined
  requestId: string
  close: boolean
}

/** @returns undefined when it was written, else what is wrong with the reply. */
export function sendReply(
  res: ServerResponse,
  result: unknown,
  context: ReplyContext,
): string | undefined {
  try {
    return writeReply(res, result, context)
  } catch (error) {
    // What JSON carries may refuse even to be made a string. Node keeps the phrase of a status it did not write.
    res.statusMessage = ''
    return reasonOf(error)
  }
}

function writeReply(
  res: ServerResponse,
  result: unknown,
  context: ReplyContext,
): string | undefined {
  if (!Array.isArray(result)) return 'not an array'
  if (result.length > 3) return `${result.length} elements`
  const [status, headers, given] = listOf(result)
  if (typeof status !== 'number' || !Number.isInteger(status) || status < 200 || status > 599) {
    return `status ${String(status)}`
  }
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) return 'headers'
  const body = decodeBytes(given)
  if (body === undefined) return 'body'
  const bodiless = context.method === 'HEAD' || status === 204 || status === 205 || status === 304
  const fields = toFields(headers, context)
  if (typeof fields === 'string') return fields
  if (!bodiless) fields.list.push('content-length', String(byteLength(body)))
  else if (status === 205) fields.list.push('content-length', '0')
  else if (status !== 204) {
    // What the response to a GET would have had, where the worker knows it.
    const length = body.length > 0 ? String(byteLength(body)) : fields.contentLength
    if (length !== undefined) fields.list.push('content-length', length)
  }
  if (res.getHeaderNames().length === 0) {
    res.writeHead(status, fields.list)
  } else {
    setFields(res, fields.list)
    res.writeHead(status)
  }
  res.end(bodiless ? '' : body)
  return undefined
}

interface Fields {
  /** Names and values in turn, as writeHead takes them. */
  list: string[]
  contentLength: string | undefined
}

function toFields(headers: object, context: ReplyContext): Fields | string {
  const list: string[] = []
  let contentLength: string | undefined
  let requestId = false
  const entries = Object.entries(headers)
  const nominated = nominatedBy(connectionOf(entries))
  for (const [name, value] of entries) {
    const lower = name.toLowerCase()
    if (isHopByHop(lower, nominated)) continue
    if (lower === 'content-length') {
      const text = String(value)
      if (/^\d{1,15}$/.test(text)) contentLength = text
      continue
    }
    if (lower === 'x-request-id') requestId = true
    if (typeof value === 'string') list.push(name, value)
    else if (typeof value === 'number') list.push(name, String(value))
    else if (Array.isArray(value)) {
      for (const item of value) {
        if (typeof item !== 'string') return `header ${name}`
        list.push(name, item)
      }
    } else return `header ${name}`
  }
  if (!requestId) list.push('x-request-id', context.requestId)
  if (context.close) list.push('connection', 'close')
  return { list, contentLength }
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

function byteLength(body: string | Buffer): number {
  return typeof body === 'string' ? Buffer.byteLength(body) : body.length
}
