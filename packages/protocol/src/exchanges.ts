/**
 * All open exchanges of a node: opened with a job, ended by what arrives in the mailbox, by their deadline, or by their owner.
 *
 * What arrives may be anything: unknown ids, second answers, verbs nobody knows. It is counted by kind and hurts nobody.
 */
import type { Connections } from './connections.js'
import { isErrorCode, TempestError } from './errors.js'
import {
  Exchange,
  type ExchangeKeeper,
  type ExchangeOwner,
  type ExchangeTerms,
  type JobText,
} from './exchange.js'
import { bootOf, createIds, splitId } from './ids.js'
import type { Outbox } from './outbox.js'
import type { Sender } from './sender.js'
import { Slots } from './slots.js'
import { decodeEntry, type Entry } from './verb.js'
import { Wheel } from './wheel.js'

/** How long workers remember a cancelled id at least. */
const CANCEL_MS = 60_000

/** What came in and was refused, by kind. */
export interface Refusals {
  /** Not an array, no verb, no id. */
  malformed: number
  /** A verb this node does not know, or that a channel may not carry. */
  unknownVerb: number
  /** A reply to something that is already over: late, second, or after its client left. */
  late: number
  /** A reply to another node, or to an earlier process at this one's place. */
  foreign: number
  /** An attempt that was never made, or a failure of an older attempt. */
  fenced: number
}

export class Exchanges implements ExchangeKeeper {
  /** Characters of encoded jobs held until their push is confirmed. */
  heldChars = 0
  /** `,"<mailbox>","`: what stands between the arguments of a job and its id. */
  readonly jobEnd: string
  readonly refusals: Refusals = { malformed: 0, unknownVerb: 0, late: 0, foreign: 0, fenced: 0 }
  readonly #connections: Connections
  readonly #sender: Sender
  readonly #open = new Slots<Exchange>()
  readonly #wheel = new Wheel()
  readonly #nextId: (n: number) => string

  constructor(connections: Connections, sender: Sender, mailboxKey: string) {
    this.#connections = connections
    this.#sender = sender
    this.#nextId = createIds(connections.boot)
    this.jobEnd = `,${JSON.stringify(mailboxKey)},"`
  }

  get size(): number {
    return this.#open.size
  }

  get epoch(): string {
    return this.#connections.epoch
  }

  toRedisTime(monotonicMs: number): number {
    return this.#connections.clock.toRedis(monotonicMs)
  }

  outbox(queue: string): Outbox {
    return this.#sender.outbox(queue)
  }

  /** Opens an exchange and sends its job at the end of this turn. `now` is when the waiting began. */
  open(
    owner: ExchangeOwner,
    terms: ExchangeTerms,
    text: JobText,
    now = performance.now(),
  ): Exchange {
    const n = this.#open.next()
    const exchange = new Exchange(this, this.#nextId(n), owner, terms, text, now)
    this.#open.add(n, exchange)
    this.#wheel.add(exchange)
    this.#sender.add(terms.outbox, terms.priority, exchange)
    return exchange
  }

  /** An id for a request that never became a job. */
  requestId(): string {
    return this.#nextId(0)
  }

  /** The owner has left: the exchange is over, and who has the job is told. */
  abandon(exchange: Exchange): void {
    if (this.close(exchange)) this.cancel(exchange)
  }

  /** Ends an exchange; false where it was over before. */
  close(exchange: Exchange): boolean {
    if (exchange.gone) return false
    this.#open.delete(exchange)
    this.#wheel.remove(exchange)
    exchange.over()
    return true
  }

  cancel(exchange: Exchange): void {
    if (!exchange.announced) return
    // A job that bears no deadline may be popped long after it: workers keep its id for a while.
    const until = Math.max(exchange.dueAt, performance.now() + CANCEL_MS)
    this.#sender.cancel(exchange.terms.outbox, exchange.base, this.toRedisTime(until))
  }

  sendAgain(exchange: Exchange): void {
    this.#sender.add(exchange.terms.outbox, exchange.terms.priority, exchange)
  }

  /** Ends all that is open. */
  failAll(error: TempestError): void {
    for (const exchange of this.#open.all()) {
      if (!this.close(exchange)) continue
      this.cancel(exchange)
      exchange.owner.failed(error)
    }
  }

  /** Takes an entry of the mailbox, or what was published on the channel of that name. Never throws. */
  deliver(bytes: Buffer): void {
    const entry = decodeEntry(bytes)
    if (entry.verb === 'malformed') this.#refuse('malformed', bytes)
    else if (entry.verb === 'unknown') this.#refuse('unknownVerb', bytes)
    else this.#settle(entry, bytes)
  }

  #settle(entry: Exclude<Entry, { verb: 'malformed' | 'unknown' }>, bytes: Buffer): void {
    const { base, attempt } = splitId(entry.id)
    const exchange = this.#open.get(base)
    if (!exchange) {
      this.#refuse(bootOf(base) === this.#connections.boot ? 'late' : 'foreign', bytes)
      return
    }
    // A whole answer of any attempt serves; a failure only of the newest, since that one may still succeed.
    const fenced =
      attempt > exchange.attempt || (entry.verb === 'fail' && attempt < exchange.attempt)
    if (fenced) {
      this.#refuse('fenced', bytes)
      return
    }
    this.close(exchange)
    exchange.terms.outbox.backlog.answered()
    if (entry.verb === 'answer') exchange.owner.answered(entry.result)
    else exchange.owner.failed(toError(entry.failure, entry.id))
  }

  #refuse(kind: keyof Refusals, bytes: Buffer): void {
    this.refusals[kind]++
    this.#connections.options.logger.debug(
      { kind, entry: bytes.subarray(0, 200).toString('utf8') },
      'refused an entry of the mailbox',
    )
  }
}

function toError(
  failure: { status?: number; code?: string; message: string },
  id: string,
): TempestError {
  const code = isErrorCode(failure.code) ? failure.code : 'HANDLER_FAILED'
  const message = `job ${id} failed: ${failure.message}`
  return new TempestError(
    code,
    message,
    failure.status === undefined ? {} : { status: failure.status },
  )
}
