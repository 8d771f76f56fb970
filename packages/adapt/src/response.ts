/**
 * The response of an application as a handler returns it: a small one of known length whole, any other piece by piece.
 *
 * What breaks before its end throws, or breaks the body; it never looks complete.
 */
import { HttpError, type HttpResponse } from '@tempest/worker'
import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { type Fields, lengthOf, responseFields } from './headers.js'

export interface Head {
  status: number
  fields: Fields
}

/** @throws HttpError 502 for a status that is none; what broke the body */
export async function toResponse(
  method: string,
  { status, fields }: Head,
  body: Readable,
  collectBytes: number,
): Promise<HttpResponse> {
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    body.on('error', () => undefined).destroy()
    throw new HttpError(502, `status ${status}`)
  }
  const length = lengthOf(fields)
  // Their length is not that of a body (RFC 9110, 6.4.1 and 8.6), and the front passes it on where nothing follows.
  if (method === 'HEAD' || status === 204 || status === 205 || status === 304) {
    body.on('error', () => undefined)
    // A body that may not be there is not read to an end it may not have.
    if (status === 205) body.destroy()
    else body.resume()
    return { status, headers: fields, body: '' }
  }
  if (length === undefined || length > collectBytes) return { status, headers: fields, body }
  return { status, headers: fields, body: await collect(body, length) }
}

/** The same of what an HTTP client has received. */
export function passOn(
  method: string,
  response: IncomingMessage,
  collectBytes: number,
): Promise<HttpResponse> {
  const { statusCode = 0, rawHeaders } = response
  const head = { status: statusCode, fields: responseFields(rawHeaders) }
  return toResponse(method, head, response, collectBytes)
}

async function collect(body: Readable, length: number): Promise<Buffer> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of body as AsyncIterable<Buffer>) {
    bytes += piece.length
    // A server may say one length and send another; HTTP itself does not let it.
    if (bytes > length) throw new HttpError(502, 'longer than its content-length')
    pieces.push(piece)
  }
  if (bytes < length) throw new HttpError(502, 'shorter than its content-length')
  return Buffer.concat(pieces, bytes)
}
