/**
 * Server-sent events as text (WHATWG HTML, 9.2). Pure. Nothing in the data can begin a field or an event of its own: each of its lines becomes a
 * `data` line.
 */

export interface ServerSentEvent {
  /** One line. @defaultValue 'message', as its reader has it */
  event?: string | undefined
  /** Any text; other values go as JSON. */
  data?: unknown
  /** One line without NUL. */
  id?: string | undefined
  /** Milliseconds after which a client that lost its connection comes back. */
  retry?: number | undefined
}

const lineEnd = /\r\n|\r|\n/
/** A name or an id with these could not be said in one field. */
const unfit = /[\r\n\0]/

/** @throws TypeError for a name, id or retry that cannot be said, and for data that JSON cannot carry. */
export function encodeEvent({ event, data, id, retry }: ServerSentEvent): string {
  let text = ''
  if (id !== undefined) text += `id: ${checkLine('id', id)}\n`
  if (event !== undefined) text += `event: ${checkLine('event', event)}\n`
  if (retry !== undefined) {
    if (!Number.isSafeInteger(retry) || retry < 0) throw new TypeError('retry: use milliseconds')
    text += `retry: ${retry}\n`
  }
  if (data !== undefined) text += encodeData(textOf(data))
  return `${text}\n`
}

/** The `data` lines of a text. */
export function encodeData(text: string): string {
  if (!lineEnd.test(text)) return `data: ${text}\n`
  return text
    .split(lineEnd)
    .map((line) => `data: ${line}\n`)
    .join('')
}

function checkLine(what: string, text: unknown): string {
  if (typeof text === 'string' && !unfit.test(text)) return text
  throw new TypeError(`${what}: use text in one line`)
}

function textOf(data: unknown): string {
  if (typeof data === 'string') return data
  const text: unknown = JSON.stringify(data)
  if (typeof text !== 'string') throw new TypeError('data: this value cannot be sent as JSON')
  return text
}
