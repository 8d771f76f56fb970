/**
 * One question that waits for its reply: a client's request on a front, or a call of `ask`.
 *
 * It is open until its owner was told exactly once: `answered` or `failed`; or until the owner abandons it. The base id stands for all attempts;
 * a further attempt is made only where the outcome of a push is unknown and the job may be retried.
 */
import { TempestError } from './errors.js'
import { attemptId } from './ids.js'
import type { Priority } from './keys.js'
import type { Outbox, Outgoing } from './outbox.js'
import type { Waiting } from './wheel.js'

/** Whoever opened an exchange. Neither method may throw. */
export interface ExchangeOwner {
  answered(result: unknown): void
  failed(error: TempestError): void
}

/** How a job is pushed and how long its reply may take. */
export interface ExchangeTerms {
  outbox: Outbox
  priority: Priority
  /** Milliseconds from now until 504. */
  deadlineMs: number
  /** It may be run more than once. */
  retry: boolean
  maxAttempts: number
}

/**
 * A job as text with a gap where its metadata goes: `before` + meta + `after`, then `respond_to` and the id. Without a gap
 * (`after` undefined) the job bears no metadata: its first argument is not an object.
 */
export interface JobText {
  before: string
  after: string | undefined
  requestId?: string | undefined
  traceparent?: string | undefined
}

/** Where an exchange is kept, as far as it needs to know. */
export interface ExchangeKeeper {
  /** Characters of encoded jobs held until their push is confirmed. */
  heldChars: number
  /** What stands between the arguments of a job and its id. */
  readonly jobEnd: string
  readonly epoch: string
  toRedisTime(monotonicMs: number): number
  /** Ends an exchange; false where it was over before. */
  close(exchange: Exchange): boolean
  /** Tells the workers that nobody waits any more. */
  cancel(exchange: Exchange): void
  sendAgain(exchange: Exchange): void
}

export class Exchange implements Waiting, Outgoing {
  readonly base: string
  waitingSince: number
  readonly owner: ExchangeOwner
  readonly terms: ExchangeTerms
  readonly #keeper: ExchangeKeeper
  #text: JobText | undefined
  #chars: number
  attempt = 1
  gone = false
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
    text: JobText,
    now: number,
  ) {
    this.#keeper = keeper
    this.base = base
    this.owner = owner
    this.terms = terms
    this.waitingSince = now
    this.dueAt = now + terms.deadlineMs
    this.#text = text
    this.#chars = text.before.length + (text.after?.length ?? 0)
    keeper.heldChars += this.#chars
  }

  encode(): string {
    this.announced = true
    const text = this.#text
    if (!text) throw new Error(`job ${this.base} was encoded after its push`)
    const id = attemptId(this.base, this.attempt)
    const end = this.#keeper.jobEnd + id + '"]'
    if (text.after === undefined) return text.before + end
    const trace =
      text.traceparent === undefined ? '' : `,"traceparent":${JSON.stringify(text.traceparent)}`
    const request = text.requestId === undefined ? this.base : text.requestId
    return `${text.before}{"v":1,"deadline":${this.#keeper.toRedisTime(this.dueAt)},"attempt":${this.attempt},"retry":${String(this.terms.retry)},"epoch":"${this.#keeper.epoch}","request_id":${JSON.stringify(request)}${trace}}${text.after}${end}`
  }

  pushed(): void {
    this.#forget()
  }

  refused(error: TempestError): void {
    if (this.#keeper.close(this)) this.owner.failed(error)
  }

  /** The push may have arrived or not: try again where that does no harm, else wait for the reply of the first. */
  unknown(): void {
    if (this.gone) return
    if (!this.terms.retry || this.attempt >= this.terms.maxAttempts) {
      this.#forget()
      return
    }
    this.attempt++
    // Open requests run to their deadline; only new ones give up on a Redis that is away.
    this.waitingSince = Infinity
    this.#keeper.sendAgain(this)
  }

  expire(): void {
    if (!this.#keeper.close(this)) return
    this.#keeper.cancel(this)
    this.owner.failed(
      new TempestError(
        'DEADLINE',
        `no answer to job ${this.base} within ${this.terms.deadlineMs} ms`,
      ),
    )
  }

  /** Lets go of the encoded job; called when the exchange is over or nobody will push it again. */
  #forget(): void {
    this.#keeper.heldChars -= this.#chars
    this.#chars = 0
    this.#text = undefined
  }

  /** Called by Exchanges when it is over. */
  over(): void {
    this.gone = true
    this.#forget()
  }
}
