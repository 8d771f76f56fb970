/**
 * Ends a response that will not be whole, so that its client can tell: its connection is cut before the end that HTTP would have (RFC 9112, 8).
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { titleOf, type TempestError } from '@tempest/protocol'
import type { ReplyHead } from './reply-head.js'

/** A client that takes no more has so long, in ms, for the last words. */
const LAST_MS = 1000
/** How often a pipelined response that is to be cut looks whether it is its turn. */
const TURN_MS = 50

/** @param last written before, where a client of this kind understands it */
export function cut(req: IncomingMessage, res: ServerResponse, last: string | undefined): void {
  const { socket } = req
  const end = (): void => {
    clearTimeout(timer)
    // Without a length or chunks the end of the connection is the end of the response, unless it is reset.
    // Before its turn nothing of it is out, and what is before it is none of its business.
    if (res.socket === null && !socket.destroyed) {
      setTimeout(end, TURN_MS).unref()
      return
    }
    const reset = req.httpVersionMajor < 2 && req.httpVersionMinor < 1
    if (!reset || !tryReset(socket)) socket.destroy()
  }
  const timer = last === undefined ? undefined : setTimeout(end, LAST_MS)
  if (last === undefined) end()
  else res.write(last, end)
}

/**
 * A client of HTTP/1.0 that ends its side has Node end the other one in order, as if the response were whole: it is reset instead.
 * @returns what takes the guard off again
 */
export function guardEnd({ socket }: IncomingMessage): () => void {
  const reset = (): void => {
    if (!tryReset(socket)) socket.destroy()
  }
  socket.prependListener('end', reset)
  return () => socket.off('end', reset)
}

/** @returns false where it cannot be: over TLS, which tells a cut by itself (RFC 8446, 6.1), and over a socket of the file system. */
function tryReset(socket: Socket): boolean {
  try {
    socket.resetAndDestroy()
    return true
  } catch {
    return false
  }
}

/** Events, in plain text, that may be longer than what their worker has sent. */
export function mayHaveLastWords({ contentType = '', contentLength, list }: ReplyHead): boolean {
  const isEvents = /^text\/event-stream\b/i.test(contentType)
  return (
    isEvents &&
    contentLength === undefined &&
    !list.some((text) => /^content-encoding$/i.test(text))
  )
}

/** The last words of an event stream: what a client may know, never what happened inside. */
export function encodeErrorEvent({ code, status }: TempestError): string {
  const detail = code === 'HTTP_ERROR' ? undefined : titleOf(code)
  return `event: error\ndata: ${JSON.stringify({ status, code, detail })}\n\n`
}

/** Whether an event stream stands behind a whole event: only there can another begin. */
export class EventTail {
  /** Nothing was sent yet: that is as good. */
  #tail = '\n\n'

  add(bytes: string | Buffer): void {
    const end = typeof bytes === 'string' ? bytes.slice(-4) : bytes.subarray(-4).toString('latin1')
    this.#tail = (this.#tail + end).slice(-4)
  }

  get complete(): boolean {
    return /(?:\n\n|\r\r|\r\n\r\n)$/.test(this.#tail)
  }
}
