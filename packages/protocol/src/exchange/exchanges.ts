/**
 * All open exchanges of a node: opened with a job, ended by what arrives for them (arrivals.ts), by their deadline, or by their owner.
 */
import type { Connections } from '../redis/connections.js'
import { TempestError } from '../wire/errors.js'
import {
  Exchange,
  type ExchangeKeeper,
  type ExchangeOwner,
  type ExchangeTerms,
} from './exchange.js'
import type { JobText, JobValues } from './draft.js'
import type { Encoding } from '../wire/encoding.js'
import { createIds, splitId, withAttempts } from '../wire/ids.js'
import type { Outbox } from '../queue/outbox.js'
import type { Sender } from '../queue/sender.js'
import { Slots } from '../slots.js'
import type { Loss } from '../wire/verb.js'
import { Wheel } from '../wheel.js'

/** How long workers remember a cancelled id at least. */
const CANCEL_MS = 60_000

export class Exchanges implements ExchangeKeeper {
  /** Characters of encoded jobs held until their push is confirmed. */
  heldChars = 0
  keptChars = 0
  /** The longest deadline given so far, in ms. */
  longest = 0
  /** `,"<mailbox>","`: what stands between the arguments of a job and its id. */
  jobEnd = ''
  mailbox = ''
  direct = ''
  address: string | undefined
  readonly #connections: Connections
  readonly #sender: Sender
  readonly #open = new Slots<Exchange>()
  readonly #wheel = new Wheel()
  readonly #nextId: (n: number) => string

  /** How jobs are encoded. */
  readonly encoding: Encoding

  constructor(
    connections: Connections,
    sender: Sender,
    mailboxKey: string,
    encoding: Encoding = 'json',
  ) {
    this.encoding = encoding
    this.#connections = connections
    this.#sender = sender
    this.#nextId = createIds(connections.boot)
    this.respondTo(mailboxKey)
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
    text: JobText | JobValues,
    now = performance.now(),
  ): Exchange {
    if (terms.deadlineMs > this.longest) this.longest = terms.deadlineMs
    const n = this.#open.next()
    const id = this.#nextId(n)
    // Without metadata the id itself says that it may be tried again.
    const bare = 'args' in text ? !text.first : text.after === undefined
    const base = bare && terms.retry ? withAttempts(id, terms.maxAttempts) : id
    const exchange = new Exchange(this, base, owner, terms, text, now)
    this.#open.add(n, exchange)
    this.#wheel.add(exchange)
    this.#sender.add(terms.outbox, terms.priority, exchange)
    return exchange
  }

  /** From now on jobs bear this list as `respond_to`. */
  respondTo(key: string): void {
    this.mailbox = key
    this.jobEnd = `,${JSON.stringify(key)},"`
  }

  /** Says to workers from now on where else replies may go: `host:port`; undefined: nowhere. */
  advertise(address: string | undefined): void {
    this.address = address
    this.direct = address === undefined ? '' : `,"direct":${JSON.stringify(address)}`
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

  /** Redis was restarted: what was pushed before is pushed again where it may be; the rest may be answered by who has it. */
  pushAgain(): void {
    const { epoch } = this
    for (const exchange of this.#open.all()) {
      if (exchange.epoch !== undefined && exchange.epoch !== epoch) exchange.sendAgain()
    }
  }

  /** This node was taken for dead: its jobs were cancelled. What may be is pushed again, the rest is lost. */
  revive(): void {
    for (const exchange of this.#open.all()) {
      if (exchange.epoch === undefined || exchange.sendAgain()) continue
      this.lose(exchange, 'the front was taken for dead')
    }
  }

  sendAgain(exchange: Exchange): void {
    this.#sender.add(exchange.terms.outbox, exchange.terms.priority, exchange)
  }

  /** Ends all that is open. */
  failAll(error: TempestError): void {
    for (const exchange of this.#open.all()) this.abort(exchange, error)
  }

  /** The open exchange with this base id. */
  find(base: string): Exchange | undefined {
    return this.#open.get(base)
  }

  /** The open exchange that this id of an attempt belongs to. */
  of(id: string): Exchange | undefined {
    return this.#open.get(splitId(id).base)
  }

  /** A reply has come, or the end of one. */
  settle(exchange: Exchange): void {
    this.close(exchange)
    if (!exchange.streamed) exchange.terms.outbox.backlog.answered()
  }

  /** Its worker is gone, and nobody tries it again. */
  lose(exchange: Exchange, why: string): void {
    const what = exchange.streamed ? 'its reply has begun' : 'it may not be retried'
    const message = `job ${exchange.base} was lost: ${why}, and ${what}`
    this.abort(exchange, new TempestError('WORKER_LOST', message))
  }

  /** Ends it with a failure, and tells the workers. */
  abort(exchange: Exchange, error: TempestError): void {
    if (!this.close(exchange)) return
    this.cancel(exchange)
    exchange.owner.failed(error)
  }

  /** Puts its end off: its reply comes in pieces. */
  postpone(exchange: Exchange, dueAt: number): void {
    this.#wheel.remove(exchange)
    exchange.dueAt = dueAt
    this.#wheel.add(exchange)
  }

  /** A sweeper put a job back that nobody waits for any more. */
  cancelAgain(base: string, { final, queue }: Loss): void {
    if (final || queue === undefined) return
    const until = this.toRedisTime(performance.now() + CANCEL_MS)
    this.#sender.cancelKnown(queue, base, until)
  }
}
