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
import { bootOf, createIds, splitId, withAttempts } from './ids.js'
import type { Outbox } from './outbox.js'
import type { Sender } from './sender.js'
import { Slots } from './slots.js'
import { decodeEntry, type Entry, type Loss } from './verb.js'
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
  /** An attempt that was never made, or a failure or loss of an older attempt. */
  fenced: number
}

export class Exchanges implements ExchangeKeeper {
  /** Characters of encoded jobs held until their push is confirmed. */
  heldChars = 0
  keptChars = 0
  /** The longest deadline given so far, in ms. */
  longest = 0
  /** `,"<mailbox>","`: what stands between the arguments of a job and its id. */
  readonly jobEnd: string
  readonly refusals: Refusals = { malformed: 0, unknownVerb: 0, late: 0, foreign: 0, fenced: 0 }
  readonly #connections: Connections
  readonly #sender: Sender
  readonly #open = new Slots<Exchange>()
  readonly #wheel = new Wheel()
  readonly #nextId: (n: number) => string
  readonly #echoes = new Map<string, () => void>()

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
    if (terms.deadlineMs > this.longest) this.longest = terms.deadlineMs
    const n = this.#open.next()
    const id = this.#nextId(n)
    // Without metadata the id itself says that it may be tried again.
    const base = text.after === undefined && terms.retry ? withAttempts(id, terms.maxAttempts) : id
    const exchange = new Exchange(this, base, owner, terms, text, now)
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
      this.#lose(exchange, 'the front was taken for dead')
    }
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
    if (entry.verb === 'echo') {
      this.#echoes.get(entry.id)?.()
      return
    }
    const { base, attempt } = splitId(entry.id)
    const exchange = this.#open.get(base)
    if (!exchange) {
      if (entry.verb === 'lost') this.#cancelAgain(base, entry.loss)
      this.#refuse(bootOf(base) === this.#connections.boot ? 'late' : 'foreign', bytes)
      return
    }
    // A whole answer of any attempt serves; a failure or loss only of the newest, since that one may still succeed.
    const fenced =
      attempt > exchange.attempt || (entry.verb !== 'answer' && attempt < exchange.attempt)
    if (fenced) {
      this.#refuse('fenced', bytes)
      return
    }
    if (entry.verb === 'lost') {
      if (entry.loss.final) this.#lose(exchange, 'its worker is gone')
      else exchange.attempt = attempt + 1
      return
    }
    this.close(exchange)
    exchange.terms.outbox.backlog.answered()
    if (entry.verb === 'answer') exchange.owner.answered(entry.result)
    else exchange.owner.failed(toError(entry.failure, entry.id))
  }

  #lose(exchange: Exchange, why: string): void {
    if (!this.close(exchange)) return
    this.cancel(exchange)
    exchange.owner.failed(
      new TempestError(
        'WORKER_LOST',
        `job ${exchange.base} was lost: ${why}, and it may not be retried`,
      ),
    )
  }

  /** A sweeper put a job back that nobody waits for any more. */
  #cancelAgain(base: string, { final, queue }: Loss): void {
    if (final || queue === undefined) return
    const until = this.toRedisTime(performance.now() + CANCEL_MS)
    this.#sender.cancelKnown(queue, base, until)
  }

  /** Waits for an entry of this node's own to come back through its mailbox. */
  awaitEcho(id: string): { within(ms: number): Promise<void>; forget(): void } {
    let timer: NodeJS.Timeout | undefined
    const heard = new Promise<void>((resolve) => this.#echoes.set(id, resolve))
    return {
      within: (ms) =>
        new Promise((resolve, reject) => {
          const late = new TempestError('DEADLINE', 'the mailbox is not heard')
          timer = setTimeout(() => reject(late), ms).unref()
          void heard.then(resolve)
        }),
      forget: () => {
        clearTimeout(timer)
        this.#echoes.delete(id)
      },
    }
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
