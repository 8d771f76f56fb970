/**
 * Writes a worker's whole reply, `[status, headers, body?]`, to a client. What is not a valid reply is told as a reason and nothing is written.
 * Content-Length is always ours.
 */
import type { ServerResponse } from 'node:http'
import { decodeBytes, listOf, reasonOf } from '@tempest/protocol'
import { besideHead, readHead, type ReplyContext, writeHead } from './reply-head.js'

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
  const head = readHead(status, headers, context)
  if (typeof head === 'string') return head
  const body = decodeBytes(given)
  if (body === undefined) return 'body'
  const { list, bodiless } = head
  if (!bodiless) list.push('content-length', String(byteLength(body)))
  else if (status === 205) list.push('content-length', '0')
  else if (status !== 204) {
    // What the response to a GET would have had, where the worker knows it.
    const length = body.length > 0 ? String(byteLength(body)) : head.contentLength
    if (length !== undefined) list.push('content-length', length)
  }
  writeHead(res, head)
  res.end(bodiless ? '' : besideHead(head, body))
  return undefined
}

function byteLength(body: string | Buffer): number {
  return typeof body === 'string' ? Buffer.byteLength(body) : body.length
}
