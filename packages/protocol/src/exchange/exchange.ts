/**
 * One question that waits for its reply: a client's request on a front, or a call of `ask`.
 *
 * It is open until its owner was told exactly once: `answered` or `failed`; or until the owner abandons it. The base id stands for all attempts.
 * A further attempt is made where the job may be retried and is lost: by a sweeper, which tells so, or by a push from here, where its outcome
 * is unknown or Redis was restarted.
 */
import { TempestError } from '../wire/errors.js'
import { attemptId } from '../wire/ids.js'
import { ATTEMPTS } from '../wire/job.js'
import { type JobText, type JobValues, packValues } from './draft.js'
import type { Priority } from '../wire/keys.js'
import type { Outbox, Outgoing } from '../queue/outbox.js'
import type { Waiting } from '../wheel.js'
import { StreamedReply, type StreamSink, type StreamSource } from './streamed.js'

/** Whoever opened an exchange. No method may throw. */
export interface ExchangeOwner {
  answered(result: unknown): void
  /** Also after a reply has begun, which is then cut. */
  failed(error: TempestError): void
  /** A reply in pieces begins with `[status, headers]`. @returns where it goes, or what is wrong with it; absent: whole replies only. */
  begun?(head: unknown): StreamSink | string
}

/** A client that is behind is given so many times `idleMs` from what it took last. */
const CLIENT_TIMES = 4

/** How a job is pushed and how long its reply may take. */
export interface ExchangeTerms {
  outbox: Outbox
  priority: Priority
  /** Milliseconds from now until 504. */
  deadlineMs: number
  /** Of a reply that comes in pieces: milliseconds without a further one until it is cut. @defaultValue deadlineMs */
  idleMs?: number
  /** It may be run more than once. */
  retry: boolean
  maxAttempts: number
}

/** Where an exchange is kept, as far as it needs to know. */
export interface ExchangeKeeper {
  /** Characters of encoded jobs held until their push is confirmed. */
  heldChars: number
  /** Characters of jobs kept beyond that, to be pushed again after Redis was restarted. */
  keptChars: number
  /** What stands between the arguments of a job and its id. */
  readonly jobEnd: string
  /** Which list bears the replies. */
  readonly mailbox: string
  /** `,"direct":"host:port"` where replies may come over connections of their own; else empty. */
  readonly direct: string
  /** The `host:port` in it. */
  readonly address: string | undefined
  readonly epoch: string
  toRedisTime(monotonicMs: number): number
  /** Ends an exchange; false where it was over before. */
  close(exchange: Exchange): boolean
  /** Tells the workers that nobody waits any more. */
  cancel(exchange: Exchange): void
  sendAgain(exchange: Exchange): void
  abort(exchange: Exchange, error: TempestError): void
  postpone(exchange: Exchange, dueAt: number): void
}

/** Of jobs that may be pushed again so many characters are kept; the others are not pushed again. */
const MAX_KEPT_CHARS = 16 * 1024 * 1024

export class Exchange implements Waiting, Outgoing {
  readonly base: string
  waitingSince: number
  readonly owner: ExchangeOwner
  readonly terms: ExchangeTerms
  readonly #keeper: ExchangeKeeper
  #text: JobText | JobValues | undefined
  #chars: number
  /** How many of its characters count as kept. */
  #kept = 0
  /** The newest attempt anybody has made. */
  attempt = 1
  /** In which epoch it was written last; undefined while it waits to be written. */
  epoch: string | undefined
  gone = false
  /** Since its reply began to come in pieces. */
  streamed: StreamedReply | undefined
  /** A push was written, so a worker may have the job. */
  announced = false
  dueAt: number
  slot = -1
  previous: Waiting | undefined = undefined
  next: Waiting | undefined = undefined

  constructor(
    keeper: ExchangeKeeper,
    base: string,
    owner: ExchangeOwner,
    terms: ExchangeTerms,
    text: JobText | JobValues,
    now: number,
  ) {
    this.#keeper = keeper
    this.base = base
    this.owner = owner
    this.terms = terms
    this.waitingSince = now
    this.dueAt = now + terms.deadlineMs
    this.#text = text
    this.#chars = 'args' in text ? text.size : text.before.length + (text.after?.length ?? 0)
    keeper.heldChars += this.#chars
  }

  encode(): string | Buffer {
    this.announced = true
    this.epoch = this.#keeper.epoch
    const text = this.#text
    if (!text) throw new Error(`job ${this.base} was encoded after its push`)
    const id = attemptId(this.base, this.attempt)
    if ('args' in text) return packValues(text, this, this.#keeper, id)
    const end = this.#keeper.jobEnd + id + '"]'
    if (text.after === undefined) return text.before + end
    const trace =
      text.traceparent === undefined ? '' : `,"traceparent":${JSON.stringify(text.traceparent)}`
    const request = text.requestId === undefined ? this.base : text.requestId
    const { retry, maxAttempts } = this.terms
    // Left out where it is what readers assume.
    const max = retry && maxAttempts !== ATTEMPTS.asked ? `,"max_attempts":${maxAttempts}` : ''
    return `${text.before}{"v":1,"deadline":${this.#keeper.toRedisTime(this.dueAt)},"attempt":${this.attempt},"retry":${String(retry)}${max},"epoch":"${this.epoch}","request_id":${JSON.stringify(request)}${trace}${this.#keeper.direct}}${text.after}${end}`
  }

  pushed(): void {
    // Another attempt waits to be written, and needs what this would let go.
    if (this.epoch === undefined) return
    const keeper = this.#keeper
    const kept = keeper.keptChars + this.#chars
    const again = this.terms.retry && this.attempt < this.terms.maxAttempts
    if (!again || this.gone || this.#kept > 0 || kept > MAX_KEPT_CHARS) {
      if (this.#kept === 0) this.#forget()
      return
    }
    keeper.heldChars -= this.#chars
    keeper.keptChars = kept
    this.#kept = this.#chars
    this.#chars = 0
  }

  refused(error: TempestError): void {
    if (this.#keeper.close(this)) this.owner.failed(error)
  }

  /** The push may have arrived or not: try again where that does no harm, else wait for the reply of the first. */
  unknown(): void {
    if (!this.gone && this.epoch !== undefined && !this.sendAgain()) this.#forget()
  }

  unsent(): void {
    this.epoch = undefined
  }

  /**
   * Pushes the next attempt, unless one waits to be written already. @returns false where that must not or cannot be done.
   */
  sendAgain(): boolean {
    const { retry, maxAttempts } = this.terms
    if (!this.#text || !retry || this.attempt >= maxAttempts) return false
    if (this.announced && this.epoch === undefined) return true
    this.attempt++
    this.epoch = undefined
    // Open requests run to their deadline; only new ones give up on a Redis that is away.
    this.waitingSince = Infinity
    this.#keeper.sendAgain(this)
    return true
  }

  /** Its reply comes in pieces. @returns what is wrong with its head, if so. */
  begin(attempt: number, head: unknown, now: number): StreamedReply | string {
    const sink = this.owner.begun?.(head) ?? 'it comes in pieces, where a whole one is wanted'
    if (typeof sink === 'string') return sink
    this.streamed = new StreamedReply(attempt, sink, now)
    this.terms.outbox.backlog.answered()
    this.#forget()
    this.#keeper.postpone(this, now + this.#idleMs)
    return this.streamed
  }

  /** Its streamed reply comes over this connection now; undefined: by the mailbox, or no more. */
  comesBy(source: StreamSource | undefined): void {
    const { streamed } = this
    if (!streamed || streamed.source === source) return
    streamed.source?.forget(streamed)
    streamed.source = source
  }

  expire(now: number): void {
    const { streamed } = this
    if (streamed && this.#goesOn(streamed, now)) return
    const ms = streamed ? this.#idleMs : this.terms.deadlineMs
    const reason =
      streamed && streamed.sink.unsent > 0
        ? `the client of job ${this.base} took nothing of the reply for ${CLIENT_TIMES * ms} ms`
        : `${streamed ? 'nothing more of the reply' : 'no answer'} to job ${this.base} within ${ms} ms`
    this.#keeper.abort(this, new TempestError('DEADLINE', reason))
  }

  get #idleMs(): number {
    return this.terms.idleMs ?? this.terms.deadlineMs
  }

  #goesOn(streamed: StreamedReply, now: number): boolean {
    // Where the client is the slow one its worker has to wait, and the kernel takes what it reads in lumps.
    const slow = streamed.sink.unsent > 0
    const until = streamed.aliveAt(now) + this.#idleMs * (slow ? CLIENT_TIMES : 1)
    if (until <= now) return false
    this.#keeper.postpone(this, Math.min(until, now + this.#idleMs))
    return true
  }

  /** Lets go of the encoded job; called when the exchange is over or nobody will push it again. */
  #forget(): void {
    this.#keeper.heldChars -= this.#chars
    this.#keeper.keptChars -= this.#kept
    this.#chars = this.#kept = 0
    this.#text = undefined
  }

  /** Called by Exchanges when it is over. */
  over(): void {
    this.gone = true
    this.comesBy(undefined)
    this.#forget()
  }
}
