/**
 * What a CGI program writes (RFC 3875, 6): a few header fields, an empty line, the body. Lines end in LF or CR LF. Pure.
 */
import { HttpError } from '@tempest/worker'
import { responseFields } from '../headers.js'
import type { Head } from '../response.js'

const MAX_HEAD_BYTES = 64 * 1024

/** Where the body begins, and where the fields end; undefined: not yet. @throws HttpError 502 for a head without end */
export function findBody(output: Buffer): { end: number; body: number } | undefined {
  let from = 0
  for (;;) {
    const lineEnd = output.indexOf(10, from)
    if (lineEnd < 0 || lineEnd > MAX_HEAD_BYTES) break
    const line = output.subarray(from, lineEnd)
    if (line.length === 0 || (line.length === 1 && line[0] === 13)) {
      return { end: from, body: lineEnd + 1 }
    }
    from = lineEnd + 1
  }
  if (output.length > MAX_HEAD_BYTES) throw new HttpError(502, 'CGI: a head without an end')
  return undefined
}

const field = /^([!#$%&'*+.^_`|~0-9a-z-]+):[ \t]*(.*?)[ \t]*$/i

/** @throws HttpError 502 for what is none */
export function readHead(bytes: Buffer): Head {
  const raw: string[] = []
  let status: number | undefined
  for (const line of bytes.toString('latin1').split(/\r?\n/)) {
    if (line === '') continue
    const [, name, value = ''] = field.exec(line) ?? []
    // Nothing is folded, and nothing else may hide in a line.
    if (name === undefined || !/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
      throw new HttpError(502, 'CGI: a line of the head is no field')
    }
    if (name.toLowerCase() === 'status') status = Number(/^([2-5]\d\d)(?: |$)/.exec(value)?.[1])
    else raw.push(name, value)
  }
  if (status !== undefined && Number.isNaN(status)) {
    throw new HttpError(502, 'CGI: Status is none')
  }
  const fields = responseFields(raw)
  const location = fields['location']
  if (status === undefined && fields['content-type'] === undefined && location === undefined) {
    throw new HttpError(502, 'CGI: neither Content-Type nor Location nor Status')
  }
  return { status: status ?? (location === undefined ? 200 : 302), fields }
}
