/**
 * A front: the real exchanges of packages/protocol, with a sender and a mailbox that the model moves step by step.
 */
import { silentLogger } from '@tempest/protocol'
import type { Connections } from '../../packages/protocol/src/redis/connections'
import type { Exchange } from '../../packages/protocol/src/exchange/exchange'
import { Arrivals } from '../../packages/protocol/src/exchange/arrivals'
import { Exchanges } from '../../packages/protocol/src/exchange/exchanges'
import { splitId } from '../../packages/protocol/src/wire/ids'
import { keys } from '../../packages/protocol/src/wire/keys'
import type { Outbox } from '../../packages/protocol/src/queue/outbox'
import type { Sender } from '../../packages/protocol/src/queue/sender'
import { decodeEntry } from '../../packages/protocol/src/wire/verb'
import { elementsOf } from '../helpers/json'
import type { Request, World } from './world'

/** How a push ends: it arrives and is confirmed; it arrives, but nobody hears so; it is lost, and nobody hears so. */
export type Push = 'confirmed' | 'unheard' | 'lost'

export class Front {
  readonly boot = 'f00000000000000f'
  readonly mailbox = keys.mailbox(this.boot)
  readonly #world: World
  readonly #exchanges: Exchanges
  readonly #arrivals: Arrivals
  readonly #connections: { boot: string; epoch: string }
  readonly #outbox: Outbox
  #outgoing: Exchange[] = []
  #handled = 0
  /** The id of the entry that is read just now. */
  #heard = ''
  readonly #open = new Map<string, Exchange>()

  constructor(world: World) {
    this.#world = world
    const connections = {
      boot: this.boot,
      epoch: world.epoch,
      clock: { toRedis: (ms: number) => Math.round(ms) },
      options: { logger: silentLogger },
    }
    this.#connections = connections
    this.#outbox = {
      queue: world.queue,
      backlog: { answered: () => undefined },
    } as unknown as Outbox
    const sender = {
      add: (_outbox: unknown, _priority: unknown, exchange: Exchange) => {
        this.#outgoing.push(exchange)
      },
      cancel: (_outbox: unknown, base: string) => world.cancel(base),
      cancelKnown: (_queue: unknown, base: string) => world.cancel(base),
    }
    this.#exchanges = new Exchanges(
      connections as unknown as Connections,
      sender as unknown as Sender,
      this.mailbox,
    )
    this.#arrivals = new Arrivals(connections as unknown as Connections, this.#exchanges)
  }

  get open(): Exchange[] {
    return [...this.#open.values()].filter((exchange) => !exchange.gone)
  }

  get waiting(): number {
    return this.#outgoing.filter((exchange) => !exchange.gone).length
  }

  /** A client's request. */
  ask(nature: Request['nature'], retry: boolean, maxAttempts: number): Request {
    const request: Request = {
      kind: retry ? 'retried' : 'once',
      nature,
      maxAttempts,
      ends: [],
      newest: 1,
      excused: false,
      dueAt: 0,
    }
    const exchange = this.#exchanges.open(
      {
        answered: (result) => request.ends.push({ how: 'answered', result }),
        failed: ({ code }) => {
          const old = code === 'HANDLER_FAILED' && splitId(this.#heard).attempt < request.newest
          request.ends.push({ how: old ? `the failure of ${this.#heard}` : code })
        },
      },
      {
        outbox: this.#outbox,
        priority: 'normal',
        deadlineMs: 1e9 + this.#world.requests.size * 1000,
        retry,
        maxAttempts,
      },
      { before: '["do",[{"meta":', after: '}]' },
    )
    request.dueAt = Math.round(exchange.dueAt)
    this.#open.set(exchange.base, exchange)
    this.#world.requests.set(exchange.base, request)
    return request
  }

  /** Writes what waits to be pushed. */
  push(how: Push): void {
    const jobs = this.#outgoing.filter((exchange) => !exchange.gone)
    this.#outgoing = []
    const texts = jobs.map((exchange) => String(exchange.encode()))
    for (const { base, attempt } of jobs) {
      const request = this.#world.requests.get(base)
      if (request) request.newest = Math.max(request.newest, attempt)
    }
    if (how !== 'lost') this.#world.store.list(this.#world.queue).push(...texts)
    for (const exchange of jobs) {
      if (how === 'confirmed') {
        exchange.pushed()
        continue
      }
      const request = this.#world.requests.get(exchange.base)
      // Nobody can know whether it waits in the queue: its deadline may have to do.
      if (request) request.excused = true
      this.#world.doubtful.add(exchange.base)
      exchange.unknown()
    }
  }

  /** Reads up to n entries of the mailbox, as P-46 has it. A reply that is lost is read again. */
  read(n: number, heard = true): void {
    const list = this.#world.store.list(this.mailbox)
    list.splice(0, this.#handled)
    if (this.#world.faults.trimTwice) list.splice(0, this.#handled)
    this.#handled = 0
    if (!heard) return
    const entries = list.slice(0, n)
    this.#handled = entries.length
    for (const entry of entries) {
      this.#hear(entry)
      this.#arrivals.deliver(Buffer.from(this.#unfenced(entry)))
    }
  }

  leave(at: number): void {
    const exchange = pick(this.open, at)
    if (!exchange) return
    this.#world.requests.get(exchange.base)?.ends.push({ how: 'left' })
    this.#exchanges.abandon(exchange)
  }

  expire(at: number): void {
    const exchange = pick(this.open, at)
    if (!exchange) return
    this.#world.expired.add(Math.round(exchange.dueAt))
    exchange.expire(exchange.dueAt)
  }

  /** Redis is another than before. */
  renewed(): void {
    this.#connections.epoch = this.#world.epoch
    this.#handled = 0
    this.#exchanges.pushAgain()
  }

  #hear(text: string): void {
    const entry = decodeEntry(Buffer.from(text))
    if ('id' in entry) this.#heard = entry.id
    if (entry.verb !== 'lost' || entry.loss.final) return
    const { base, attempt } = splitId(entry.id)
    const request = this.#world.requests.get(base)
    if (request) request.newest = Math.max(request.newest, attempt + 1)
  }

  #unfenced(entry: string): string {
    if (!this.#world.faults.noFence) return entry
    const [verb, id, ...rest] = elementsOf(JSON.parse(entry))
    const exchange = this.#open.get(splitId(String(id)).base)
    if (verb === 'answer' || !exchange || exchange.attempt === 1) return entry
    return JSON.stringify([verb, `${exchange.base}.${exchange.attempt}`, ...rest])
  }
}

export function pick<T>(list: readonly T[], at: number): T | undefined {
  return list[at % Math.max(list.length, 1)]
}
