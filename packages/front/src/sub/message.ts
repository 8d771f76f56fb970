/**
 * From what was published to the bytes of a server-sent event (WHATWG HTML, 9.2). Pure.
 *
 * A JSON array of one is data, of two a name and data; everything else is data as it stands. Nothing in it can begin a field or an
 * event of its own: each of its lines becomes a `data` line.
 */

import { encodeData } from '@tempest/protocol'

export interface Message {
  /** Undefined: the default, `message`. */
  name: string | undefined
  data: string
  /** The channel ends with it. */
  ends: boolean
}

const END = '$unsubscribe'
/** A name with these could not be said in one field. */
const unfit = /[\r\n\0]/

/** Never throws: what cannot be understood is data. */
export function readMessage(payload: Buffer): Message {
  const text = payload.toString('utf8')
  if (/^\s*\[/.test(text)) {
    try {
      const message = fromArray(JSON.parse(text))
      if (message) return message
    } catch {
      // No JSON, or nested deeper than it can be written again.
    }
  }
  return { name: undefined, data: text, ends: false }
}

/** @param id of an event of the log */
export function encodeMessage(id: string | undefined, { name, data }: Message): Buffer {
  let text = id === undefined ? '' : `id: ${id}\n`
  if (name !== undefined) text += `event: ${name}\n`
  return Buffer.from(`${text}${encodeData(data)}\n`)
}

export type GapReason = 'log' | 'live' | 'size'

/** Something may be missing here. `log`: events older than what is kept; `live`: what was only published live; `size`: one event, too large. */
export function encodeGap(reason: GapReason, id?: string): Buffer {
  return encodeMessage(id, { name: 'gap', data: reason, ends: false })
}

/** An id alone dispatches nothing; it is where a client that comes back goes on. */
export function encodeId(id: string): string {
  return `id: ${id}\n\n`
}

export function encodeRetry(ms: number): string {
  return `retry: ${Math.round(ms)}\n\n`
}

function fromArray(value: unknown): Message | undefined {
  const parts: unknown[] = Array.isArray(value) ? value : []
  const [first, second] = parts
  if (parts.length === 1) {
    if (first === END) return { name: 'end', data: '', ends: true }
    return { name: undefined, data: textOf(first), ends: false }
  }
  const named = parts.length === 2 && typeof first === 'string' && first !== ''
  return named && !unfit.test(first)
    ? { name: first, data: textOf(second), ends: false }
    : undefined
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
