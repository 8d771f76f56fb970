/**
 * One request to an HTTP server, up to the head of its response. Nothing is followed, repeated or decoded.
 *
 * It has a time for the head and one for silence afterwards; the signal ends it at any moment.
 */
import { HttpError } from '@tempest/worker'
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http'
import { hearOut } from './hear-out.js'

/** More than a front takes of a client, less than it takes of a worker. */
const MAX_HEADER_BYTES = 64 * 1024

export interface Times {
  /** Until the head of the response is there. */
  timeoutMs: number
  /** Without a byte of the body. */
  idleMs: number
}

/** What broke it is its cause. */
export class CallError extends Error {
  /** On a connection that was kept from an earlier request. */
  readonly reused: boolean

  constructor(cause: unknown, reused: boolean) {
    super('the call failed', { cause })
    this.reused = reused
  }
}

/**
 * @param request of node:http or node:https
 * @throws CallError, or at once what Node throws for a request that cannot be
 */
export function call(
  request: (options: RequestOptions) => ClientRequest,
  options: RequestOptions,
  body: Buffer,
  { timeoutMs, idleMs }: Times,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ ...options, maxHeaderSize: MAX_HEADER_BYTES })
    // Their bytes are what is limited; beyond a number Node would drop them without a word.
    outgoing.maxHeadersCount = 0
    hearOut(outgoing)
    const late = setTimeout(
      () => outgoing.destroy(new HttpError(504, `no response within ${timeoutMs} ms`)),
      timeoutMs,
    )
    // Stays for what comes behind the head: the response tells of it.
    outgoing.on('error', (error) => reject(new CallError(error, outgoing.reusedSocket)))
    outgoing.once('close', () => {
      clearTimeout(late)
      // Node says no more where a server changes the protocol that nobody asked it to.
      reject(new CallError(new HttpError(502, 'closed without a response'), false))
    })
    outgoing.once('response', (response) => {
      clearTimeout(late)
      watchSilence(response, idleMs)
      resolve(response)
    })
    outgoing.end(body)
  })
}

/** Breaks a response whose server has fallen silent. One whose reader is slow has bytes waiting, or has said all. */
function watchSilence(response: IncomingMessage, idleMs: number): void {
  const { socket } = response
  let read = socket.bytesRead
  const look = setInterval(() => {
    const waits = response.readableLength === 0 && !response.complete
    if (socket.bytesRead === read && waits) {
      response.destroy(new HttpError(504, `silent for ${idleMs} ms`))
    }
    read = socket.bytesRead
  }, idleMs)
  look.unref()
  for (const over of ['end', 'close']) response.once(over, () => clearInterval(look))
}
