/**
 * One question that waits for its reply: a client's request on a front, or a call of `ask`.
 *
 * It is open until its owner was told exactly once: `answered` or `failed`; or until the owner abandons it. The base id stands for all attempts.
 * A further attempt is made where the job may be retried and is lost: by a sweeper, which tells so, or by a push from here, where its outcome
 * is unknown or Redis was restarted.
 */
import { TempestError } from './errors.js'
import { attemptId } from './ids.js'
import { ATTEMPTS } from './job.js'
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
  /** Characters of jobs kept beyond that, to be pushed again after Redis was restarted. */
  keptChars: number
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

/** Of jobs that may be pushed again so many characters are kept; the others are not pushed again. */
const MAX_KEPT_CHARS = 16 * 1024 * 1024

export class Exchange implements Waiting, Outgoing {
  readonly base: string
  waitingSince: number
  readonly owner: ExchangeOwner
  readonly terms: ExchangeTerms
  readonly #keeper: ExchangeKeeper
  #text: JobText | undefined
  #chars: number
  /** How many of its characters count as kept. */
  #kept = 0
  /** The newest attempt anybody has made. */
  attempt = 1
  /** In which epoch it was written last; undefined while it waits to be written. */
  epoch: string | undefined
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
    this.epoch = this.#keeper.epoch
    const text = this.#text
    if (!text) throw new Error(`job ${this.base} was encoded after its push`)
    const id = attemptId(this.base, this.attempt)
    const end = this.#keeper.jobEnd + id + '"]'
    if (text.after === undefined) return text.before + end
    const trace =
      text.traceparent === undefined ? '' : `,"traceparent":${JSON.stringify(text.traceparent)}`
    const request = text.requestId === undefined ? this.base : text.requestId
    const { retry, maxAttempts } = this.terms
    // Left out where it is what readers assume.
    const max = retry && maxAttempts !== ATTEMPTS.asked ? `,"max_attempts":${maxAttempts}` : ''
    return `${text.before}{"v":1,"deadline":${this.#keeper.toRedisTime(this.dueAt)},"attempt":${this.attempt},"retry":${String(retry)}${max},"epoch":"${this.epoch}","request_id":${JSON.stringify(request)}${trace}}${text.after}${end}`
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
    this.#keeper.keptChars -= this.#kept
    this.#chars = this.#kept = 0
    this.#text = undefined
  }

  /** Called by Exchanges when it is over. */
  over(): void {
    this.gone = true
    this.#forget()
  }
}
