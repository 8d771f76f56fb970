/**
 * Writes a worker's reply, `[status, headers, body?]`, to a client. What is not a valid reply is told as a reason and nothing is written.
 *
 * Content-Length is always ours; fields of one hop are dropped. HEAD, 204 and 304 have no body (RFC 9110, 6.4.1 and 8.6).
 */
import type { ServerResponse } from 'node:http'
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
  if (!Array.isArray(result)) return 'not an array'
  const [status, headers, given] = listOf(result)
  if (typeof status !== 'number' || !Number.isInteger(status) || status < 200 || status > 599) {
    return `status ${String(status)}`
  }
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) return 'headers'
  const body = decodeBytes(given)
  if (body === undefined) return 'body'
  const bodiless = context.method === 'HEAD' || status === 204 || status === 304
  const fields = toFields(headers, context)
  if (typeof fields === 'string') return fields
  if (!bodiless) fields.list.push('content-length', String(byteLength(body)))
  else if (status !== 204) {
    // What the response to a GET would have had, where the worker knows it.
    const length = body.length > 0 ? String(byteLength(body)) : fields.contentLength
    if (length !== undefined) fields.list.push('content-length', length)
  }
  try {
    res.writeHead(status, fields.list)
  } catch (error) {
    return reasonOf(error)
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
  const nominated = nominatedBy(
    Reflect.get(headers, 'connection') ?? Reflect.get(headers, 'Connection'),
  )
  for (const [name, value] of Object.entries(headers)) {
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

function byteLength(body: string | Buffer): number {
  return typeof body === 'string' ? Buffer.byteLength(body) : body.length
}
