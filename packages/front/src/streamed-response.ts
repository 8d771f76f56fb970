/**
 * A response that comes in pieces: what a worker sends goes out at the end of the same turn, in one write.
 * Until then nothing was sent, and a failure is a response of its own; afterwards the connection is cut, so that what is not whole never looks
 * whole. What its client has not taken counts against the front's memory.
 */
import { type IncomingMessage, ServerResponse } from 'node:http'
import { LOW_BYTES, listOf, reasonOf, type StreamSink, type TempestError } from '@tempest/protocol'
import type { FrontContext } from './context.js'
import { cut, encodeErrorEvent, EventTail, guardEnd, mayHaveLastWords } from './cut.js'
import { Gathered } from './gathered.js'
import {
  besideHead,
  checkFields,
  endsWithConnection,
  readHead,
  type ReplyContext,
  type ReplyHead,
  writeHead,
} from './reply-head.js'

/** With so much in one turn it is written at once: a socket takes what the kernel has room for. */
const FLUSH_BYTES = 32 * 1024
/** A client that is so far behind is given up, where its worker does not wait. */
const MAX_UNSENT = 8 * 1024 * 1024

export interface ResponseOwner {
  /** The last byte was handed to the socket. */
  whole(): void
}

export class StreamedResponse implements StreamSink {
  readonly #context: FrontContext
  readonly #req: IncomingMessage
  readonly #res: ServerResponse
  readonly #head: ReplyHead
  readonly #owner: ResponseOwner
  readonly #turn = new Gathered()
  /** Middleware before us writes in its own way. */
  readonly #isWrapped: boolean
  /** Bytes that it has, and has not passed on. */
  #behind = 0
  #scheduled = false
  #stopGuard: (() => void) | undefined
  /** Bytes that the worker's Content-Length leaves; undefined without one. */
  #left: number | undefined
  readonly #tail: EventTail | undefined
  #lows: (() => void)[] = []
  /** How much of it counts as held memory. */
  #counted = 0
  #over = false

  constructor(
    context: FrontContext,
    req: IncomingMessage,
    res: ServerResponse,
    head: ReplyHead,
    owner: ResponseOwner,
  ) {
    this.#context = context
    this.#req = req
    this.#res = res
    this.#head = head
    this.#owner = owner
    this.#isWrapped = res.write !== ServerResponse.prototype.write
    const { contentLength, status } = head
    if (head.bodiless) {
      if (contentLength !== undefined && status !== 204)
        head.list.push('content-length', status === 205 ? '0' : contentLength)
    } else if (contentLength !== undefined) {
      this.#left = Number(contentLength)
      head.list.push('content-length', contentLength)
    }
    if (mayHaveLastWords(head)) this.#tail = new EventTail()
    if (endsWithConnection(req.httpVersion, head)) this.#stopGuard = guardEnd(req)
    this.#schedule()
  }

  get unsent(): number {
    return this.#over ? 0 : this.#turn.bytes + this.#behind + this.#res.writableLength
  }

  get bodiless(): boolean {
    return this.#head.bodiless
  }

  get full(): boolean {
    const { unsent } = this
    return unsent > MAX_UNSENT || (unsent > LOW_BYTES && this.#context.memory.streamsFull)
  }

  /** Its head is out: no other response can take its place. */
  get begun(): boolean {
    return this.#res.headersSent
  }

  write(bytes: string | Buffer): string | undefined {
    const length = typeof bytes === 'string' ? Buffer.byteLength(bytes) : bytes.length
    if (this.#left !== undefined) {
      if (length > this.#left) return 'it is longer than its content-length'
      this.#left -= length
    }
    if (this.#over || this.#head.bodiless) return undefined
    this.#turn.add(bytes, length)
    this.#tail?.add(bytes)
    if (this.#turn.bytes >= FLUSH_BYTES) this.#flush()
    else this.#schedule()
    this.#account()
    return undefined
  }

  whenLow(low: () => void): void {
    if (this.#turn.bytes > 0) this.#flush()
    if (this.unsent <= LOW_BYTES) low()
    else this.#lows.push(low)
  }

  end(): string | undefined {
    if (!this.#head.bodiless && this.#left !== undefined && this.#left > 0) {
      return 'it is shorter than its content-length'
    }
    const body = this.#turn.take()
    // All of it came in one turn: its length is known.
    if (!this.begun && !this.#head.bodiless && this.#left === undefined) {
      this.#head.list.push('content-length', String(Buffer.byteLength(body)))
    }
    this.#begin()
    this.#res.end(besideHead(this.#head, body))
    this.leave()
    this.#owner.whole()
    return undefined
  }

  /** It will not be whole. @returns false where nothing is out: another response may take its place. */
  abort(error: TempestError): boolean {
    const { begun } = this
    if (begun) {
      this.#flush()
      const last = this.#tail?.complete ? encodeErrorEvent(error) : undefined
      cut(this.#req, this.#res, last)
    }
    this.#turn.clear()
    this.leave()
    return begun
  }

  /** Nothing more is written. */
  leave(): void {
    this.#over = true
    this.#stopGuard?.()
    this.#account()
    this.#tellLow()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(flushLater, this)
  }

  /** Called at the end of the turn. */
  flushNow(): void {
    this.#scheduled = false
    if (this.#over) return
    this.#flush()
    this.#account()
  }

  #flush(): void {
    if (this.#over) return
    const first = !this.begun
    this.#begin()
    const bytes = this.#turn.take()
    if (bytes.length === 0) {
      if (first) this.#res.flushHeaders()
    } else this.#write(first ? besideHead(this.#head, bytes) : bytes)
  }

  #write(bytes: string | Buffer): void {
    const taken = this.#res.write(bytes, this.#wrote)
    if (!this.#isWrapped) return
    // Middleware that compresses tells by `drain` alone what it holds, and sends only when it is asked to.
    if (!taken) {
      if (this.#behind === 0) this.#res.once('drain', this.#drained)
      this.#behind += Buffer.byteLength(bytes)
    }
    const res: ServerResponse & { flush?: () => void } = this.#res
    res.flush?.()
  }

  readonly #drained = (): void => {
    this.#behind = 0
    this.#taken()
  }

  #begin(): void {
    if (this.begun) return
    writeHead(this.#res, this.#head)
    this.#context.answered(this.#head.status)
  }

  /** Where it failed, the end of the connection tells; Node calls back without an error where that was seen first. */
  readonly #wrote = (): void => {
    if (!this.#req.socket.destroyed) this.#taken()
  }

  #taken(): void {
    this.#account()
    if (this.unsent <= LOW_BYTES) this.#tellLow()
  }

  #tellLow(): void {
    if (this.#lows.length === 0) return
    const lows = this.#lows
    this.#lows = []
    for (const low of lows) low()
  }

  #account(): void {
    const { memory } = this.#context
    const { unsent } = this
    memory.bytes += unsent - this.#counted
    memory.streamed += unsent - this.#counted
    this.#counted = unsent
  }
}

const flushLater = (response: StreamedResponse): void => response.flushNow()

/** @returns the response, or what is wrong with its head. */
export function beginResponse(
  context: FrontContext,
  req: IncomingMessage,
  res: ServerResponse,
  given: unknown,
  reply: ReplyContext,
  owner: ResponseOwner,
): StreamedResponse | string {
  if (!Array.isArray(given) || given.length > 2) return 'the head is not [status, headers]'
  const [status, headers] = listOf(given)
  try {
    const head = readHead(status, headers, reply)
    if (typeof head === 'string') return head
    checkFields(head)
    return new StreamedResponse(context, req, res, head, owner)
  } catch (error) {
    // What JSON carries may refuse even to be made a string.
    return reasonOf(error)
  }
}
