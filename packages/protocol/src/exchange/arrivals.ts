/**
 * What comes in for the open exchanges of a node, by its mailbox, its channel, or a front's own listener.
 *
 * It may be anything: unknown ids, second answers, gaps, verbs nobody knows. It is counted by kind and hurts nobody else.
 */
import type { Connections } from '../redis/connections.js'
import { pushEntries } from '../redis/answer.js'
import { isErrorCode, TempestError } from '../wire/errors.js'
import { bootOf, splitId } from '../wire/ids.js'
import { decodeEntry, encodeFail, type Entry, type Failure } from '../wire/verb.js'
import { Echoes } from './echoes.js'
import type { Exchange } from './exchange.js'
import type { Exchanges } from './exchanges.js'
import { type Fate, noRefusals, type Refusals } from './fate.js'
import { Flow } from './flow.js'

type AboutExchange = Exclude<Entry, { verb: 'malformed' | 'unknown' | 'pause' | 'resume' | 'echo' }>

export class Arrivals {
  readonly refusals: Refusals = noRefusals()
  readonly echoes = new Echoes()
  /** What was wrong with the entry that was `broken` last. */
  lastFault = ''
  readonly #connections: Connections
  readonly #exchanges: Exchanges

  constructor(connections: Connections, exchanges: Exchanges) {
    this.#connections = connections
    this.#exchanges = exchanges
  }

  /** Takes an entry of the mailbox. Never throws. */
  deliver(bytes: Buffer): void {
    const entry = decodeEntry(bytes)
    const fate = this.#take(entry, true)
    if (entry.verb === 'head' && (fate === 'gone' || fate === 'fenced')) this.#tellOff(entry)
    this.#count(fate, entry, bytes)
  }

  /** Takes what was published on the mailbox's channel: whole replies only, since of pieces one could be lost. Never throws. */
  hear(bytes: Buffer): void {
    const entry = decodeEntry(bytes)
    const heard = entry.verb === 'answer' || entry.verb === 'fail' || entry.verb === 'malformed'
    this.#count(heard ? this.#take(entry, false) : 'unknownVerb', entry, bytes)
  }

  /** Takes an entry that came over a connection of its worker's own; who calls slows that worker down. Never throws. */
  take(entry: Entry): Fate {
    const fate = this.#take(entry, false)
    this.#count(fate, entry, undefined)
    return fate
  }

  #take(entry: Entry, byMailbox: boolean): Fate {
    switch (entry.verb) {
      case 'malformed':
        return 'malformed'
      case 'unknown':
      case 'pause':
      case 'resume':
        return 'unknownVerb'
      case 'echo':
        this.echoes.heard(entry.id)
        return 'taken'
      default:
        return this.#settle(entry, byMailbox)
    }
  }

  #settle(entry: AboutExchange, byMailbox: boolean): Fate {
    const { base, attempt } = splitId(entry.id)
    const exchange = this.#exchanges.find(base)
    if (!exchange) {
      if (entry.verb === 'lost') this.#exchanges.cancelAgain(base, entry.loss)
      return 'gone'
    }
    // Only the list keeps the order: here the loss of the attempt before is still on its way.
    if (!byMailbox && isAhead(attempt, exchange)) this.#lost(exchange, attempt - 1)
    if (exchange.gone) return 'gone'
    if (isFenced(entry.verb, attempt, exchange)) return 'fenced'
    const now = performance.now()
    if (byMailbox) exchange.comesBy(undefined)
    switch (entry.verb) {
      case 'answer':
        this.#exchanges.settle(exchange)
        exchange.owner.answered(entry.result)
        return 'taken'
      case 'fail':
        this.#exchanges.settle(exchange)
        exchange.owner.failed(toError(entry.failure, entry.id))
        return 'taken'
      case 'lost':
        if (entry.loss.final) this.#exchanges.lose(exchange, 'its worker is gone')
        else this.#lost(exchange, attempt)
        return 'taken'
      case 'broken':
        return this.#break(exchange, entry.reason)
      case 'head':
        return this.#begin(exchange, attempt, entry, byMailbox, now)
      case 'chunk':
        return this.#add(exchange, entry, byMailbox, now)
      case 'end':
        return this.#end(exchange, entry.count)
    }
  }

  /** This attempt is lost, and another one was made. */
  #lost(exchange: Exchange, attempt: number): void {
    if (exchange.streamed) this.#exchanges.lose(exchange, 'its worker is gone')
    else exchange.attempt = attempt + 1
  }

  #begin(
    exchange: Exchange,
    attempt: number,
    { id, head, mailbox }: Extract<Entry, { verb: 'head' }>,
    byMailbox: boolean,
    now: number,
  ): Fate {
    const known = exchange.streamed
    const streamed = known ?? exchange.begin(attempt, head, now)
    if (typeof streamed === 'string') return this.#break(exchange, streamed)
    // A worker that cannot reach the listener any more goes on through the mailbox, and the other way round.
    const flows = byMailbox && mailbox !== null
    if (streamed.sink.bodiless) {
      streamed.sink.end()
      this.#exchanges.abandon(exchange)
      return 'taken'
    }
    if (!flows) streamed.flow = undefined
    else if (streamed.flow?.mailbox !== mailbox) {
      streamed.flow = new Flow(this.#connections, id, mailbox, streamed)
    }
    // A worker that repeats its head wants to know whether it may go on.
    if (known) streamed.flow?.asked()
    return known ? 'repeat' : 'taken'
  }

  #add(
    exchange: Exchange,
    { bytes, n }: Extract<Entry, { verb: 'chunk' }>,
    byMailbox: boolean,
    now: number,
  ): Fate {
    const { streamed } = exchange
    if (!streamed) return this.#break(exchange, 'a chunk came without a head')
    streamed.heardAt = now
    const order = streamed.accept(n)
    if (order === 'gap') return this.#break(exchange, `chunk ${streamed.next} is missing`)
    if (order === 'repeat') return 'repeat'
    if (streamed.sink.full) {
      this.overrun(exchange)
      return 'gone'
    }
    // An empty one only says that its worker is alive.
    const fault = bytes.length > 0 ? streamed.sink.write(bytes) : undefined
    if (fault !== undefined) return this.#break(exchange, fault)
    if (byMailbox) streamed.flow?.wrote(bytes.length)
    return 'taken'
  }

  #end(exchange: Exchange, count: number): Fate {
    const { streamed } = exchange
    if (!streamed) return this.#break(exchange, 'an end came without a head')
    if (count !== streamed.next) {
      return this.#break(exchange, `${streamed.next} chunks came of ${count}`)
    }
    const fault = streamed.sink.end()
    if (fault !== undefined) return this.#break(exchange, fault)
    this.#exchanges.settle(exchange)
    return 'taken'
  }

  /** Cuts a reply whose client is too slow. */
  overrun(exchange: Exchange): void {
    this.#exchanges.abort(
      exchange,
      new TempestError('OVERRUN', `job ${exchange.base}: its client takes the reply too slowly`),
    )
  }

  #break(exchange: Exchange, what: string): Fate {
    this.lastFault = what
    this.#exchanges.abort(
      exchange,
      new TempestError('BAD_REPLY', `the reply to ${exchange.base} is malformed: ${what}`),
    )
    return 'broken'
  }

  /** A cancel may be lost: who begins a stream, or asks whether it may go on, hears that nobody waits. */
  #tellOff({ id, mailbox }: Extract<Entry, { verb: 'head' }>): void {
    if (mailbox === null) return
    const entry = encodeFail(id, { code: 'CANCELLED', message: 'nobody waits for it' })
    pushEntries(this.#connections.commands, mailbox, [entry]).catch(() => undefined)
  }

  #count(fate: Fate, entry: Entry, bytes: Buffer | undefined): void {
    if (fate === 'taken' || fate === 'broken') return
    const id = 'id' in entry ? entry.id : ''
    const kind = this.#kindOf(fate, id)
    this.refusals[kind]++
    this.#connections.options.logger.debug(
      { kind, entry: bytes?.subarray(0, 200).toString('utf8') ?? `${entry.verb} ${id}` },
      'refused an entry',
    )
  }

  #kindOf(fate: Exclude<Fate, 'taken' | 'broken'>, id: string): keyof Refusals {
    if (fate === 'repeat') return 'repeated'
    if (fate !== 'gone') return fate
    return bootOf(id) === this.#connections.boot ? 'late' : 'foreign'
  }
}

/** A whole answer of any attempt serves; a failure, a loss or the beginning of a stream only of the newest, and then only that attempt goes on. */
function isFenced(verb: AboutExchange['verb'], attempt: number, exchange: Exchange): boolean {
  if (attempt > exchange.attempt) return true
  const { streamed } = exchange
  if (streamed) return verb === 'answer' || attempt !== streamed.attempt
  return verb !== 'answer' && attempt < exchange.attempt
}

/** It may have been made already by whoever saw to a dead worker's jobs. */
function isAhead(attempt: number, { attempt: newest, terms }: Exchange): boolean {
  return attempt > newest && terms.retry && attempt <= terms.maxAttempts
}

function toError({ status, code, message }: Failure, id: string): TempestError {
  const known = isErrorCode(code) ? code : 'HANDLER_FAILED'
  return new TempestError(
    known,
    `job ${id} failed: ${message}`,
    status === undefined ? {} : { status },
  )
}
