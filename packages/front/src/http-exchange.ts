/**
 * One client request on this front: reading its body → waiting for its reply → over.
 *
 * It ends exactly once: answered, failed, or left by its client. Whatever a worker sends is checked before a byte goes out.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import {
  type Exchange,
  type ExchangeOwner,
  type ExchangeTerms,
  type StreamSink,
  TempestError,
} from '@tempest/protocol'
import { BodyReader, hasBody } from './body.js'
import type { FrontContext } from './context.js'
import { requestIdOf } from './headers.js'
import { refuseRequest } from './linger.js'
import { retryAfterOf } from './problem.js'
import { requestText, requestValues } from './request.js'
import type { ReplyContext } from './reply-head.js'
import { sendReply } from './response.js'
import type { OnSocket } from './sockets.js'
import { beginResponse, type StreamedResponse } from './streamed-response.js'
import { watchUnsent } from './unsent.js'

export class HttpExchange implements ExchangeOwner, OnSocket {
  readonly #context: FrontContext
  readonly #req: IncomingMessage
  readonly #res: ServerResponse
  readonly #socket: Socket
  readonly #terms: ExchangeTerms
  readonly #openedAt: number
  /** Its number on its connection. */
  readonly #number: number
  /** Where the context keeps it while its body is read; -1: it is not. */
  readingIndex = -1
  #state: 'reading' | 'waiting' | 'over' = 'reading'
  #reader: BodyReader | undefined
  #exchange: Exchange | undefined
  #stream: StreamedResponse | undefined

  constructor(
    context: FrontContext,
    req: IncomingMessage,
    res: ServerResponse,
    terms: ExchangeTerms,
    openedAt: number,
  ) {
    this.#context = context
    this.#req = req
    this.#res = res
    this.#socket = req.socket
    this.#terms = terms
    this.#openedAt = openedAt
    context.inFlight++
    this.#number = context.sockets.addRequest(req.socket, this)
  }

  /** Reads the body, if there is one, and sends the job. */
  begin(maxBodyBytes: number): void {
    if (!hasBody(this.#req)) {
      this.#send(undefined)
      return
    }
    this.#reader = new BodyReader(
      this.#req,
      { maxBytes: maxBodyBytes, dueAt: this.#openedAt + this.#terms.deadlineMs },
      this.#context.wheel,
      this.#context.memory,
      (body) => this.#send(body),
      (error) => this.failed(error),
    )
    this.#context.beginReading(this)
    this.#reader.read()
  }

  answered(result: unknown): void {
    if (!this.#over()) return
    const bad = sendReply(this.#res, result, this.#replyContext)
    if (bad === undefined) {
      this.#context.answered(this.#res.statusCode)
      watchUnsent(this.#res, this.#socket, this.#context)
    } else
      this.#refuse(
        new TempestError('BAD_REPLY', `the reply to ${this.#requestId} is malformed: ${bad}`),
      )
  }

  begun(head: unknown): StreamSink | string {
    const whole = (): void => {
      if (this.#over()) watchUnsent(this.#res, this.#socket, this.#context)
    }
    const stream = beginResponse(this.#context, this.#req, this.#res, head, this.#replyContext, {
      whole,
    })
    if (typeof stream !== 'string') this.#stream = stream
    return stream
  }

  failed(error: TempestError): void {
    if (!this.#over()) return
    this.#stream?.abort(error)
    this.#refuse(error)
  }

  left(): void {
    if (!this.#over()) return
    this.#context.counts.left++
    if (this.#exchange) this.#context.node.exchanges.abandon(this.#exchange)
    this.#stream?.leave()
  }

  get #replyContext(): ReplyContext {
    return { method: this.#req.method, requestId: this.#requestId, close: this.#closes }
  }

  get #requestId(): string {
    const given = requestIdOf(this.#req.headers['x-request-id'])
    return given ?? this.#exchange?.base ?? this.#context.node.exchanges.requestId()
  }

  /** Whether its response ends the connection: a front that stops does so, behind the last of what is pipelined. */
  get #closes(): boolean {
    const { state, sockets } = this.#context
    return state !== 'open' && sockets.isLatest(this.#socket, this.#number)
  }

  #send(body: Buffer | undefined): void {
    if (this.#state !== 'reading') return
    this.#state = 'waiting'
    this.#endReading()
    const { exchanges } = this.#context.node
    const describe = exchanges.encoding === 'msgpack' ? requestValues : requestText
    this.#exchange = exchanges.open(this, this.#terms, describe(this.#req, body), this.#openedAt)
  }

  /** Ends the life of this request; false where it was over before. */
  #over(): boolean {
    if (this.#state === 'over') return false
    this.#state = 'over'
    this.#endReading()
    this.#context.sockets.remove(this.#socket, this)
    this.#context.ended()
    return true
  }

  #endReading(): void {
    if (!this.#reader) return
    this.#reader.stop()
    this.#reader = undefined
    this.#context.endReading(this)
  }

  #refuse(error: TempestError): void {
    const { logger } = this.#context
    this.#context.erred(error.code)
    const level = error.status >= 500 ? 'warn' : 'debug'
    logger[level]({ code: error.code, status: error.status, url: this.#req.url }, error.message)
    if (this.#res.headersSent || this.#res.destroyed) return
    this.#context.answered(error.status)
    refuseRequest(this.#req, this.#res, error, {
      requestId: this.#requestId,
      retryAfterS: retryAfterOf(error, this.#terms.outbox.backlog),
      close: this.#closes,
    })
  }
}
