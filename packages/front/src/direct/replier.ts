/**
 * What the commands of one connection do to the front: takes verbs for its exchanges, and says when a chunk is to wait for its client.
 *
 * It knows which streams go over the connection, so that they can be cut where that ends and nobody goes on with them.
 */
import {
  type Entry,
  type Exchange,
  LOW_BYTES,
  type Node,
  type StreamedReply,
  type StreamSink,
  type StreamSource,
  TempestError,
} from '@tempest/protocol'
import { error, OK } from './resp.js'

/** A stream whose connection has ended is cut unless something more of it comes within this time, in ms. */
const RESUME_MS = 1000
/** … or within this time, where its worker has another connection: it may be busy, but it is there. */
const BACK_MS = 5000

export const GONE = error('nobody waits for it any more', 'GONE')
const FENCED = error('another attempt of it is waited for', 'FENCED')

/** A chunk that its client has not taken. */
export interface Held {
  readonly id: string
  readonly sink: StreamSink
  /** Somebody still waits for the rest. */
  readonly waits: () => boolean
}

export class Replier implements StreamSource {
  readonly #node: Node
  /** Those whose replies come over this connection, in pieces. */
  readonly #streams = new Map<StreamedReply, Exchange>()

  constructor(node: Node) {
    this.#node = node
  }

  get streams(): number {
    return this.#streams.size
  }

  forget(reply: StreamedReply): void {
    this.#streams.delete(reply)
  }

  /** @returns the reply, or the chunk whose reply has to wait. */
  take(entry: Entry): string | Held {
    const { arrivals } = this.#node
    const fate = arrivals.take(entry)
    if (fate === 'taken' || fate === 'repeat') return this.#taken(entry, fate === 'taken')
    switch (fate) {
      case 'gone':
        return GONE
      case 'fenced':
        return FENCED
      case 'broken':
        return error(arrivals.lastFault)
      default:
        return error('it is no verb of a reply')
    }
  }

  #taken(entry: Entry, isNew: boolean): string | Held {
    if (!('id' in entry)) return OK
    const { id } = entry
    const exchange = this.#node.exchanges.of(id)
    const streamed = exchange?.streamed
    if (!exchange || !streamed || exchange.gone) return OK
    // What was repeated late must not take the stream from the connection it goes on over.
    if (streamed.source !== this && (isNew || entry.verb === 'head')) {
      exchange.comesBy(this)
      this.#streams.set(streamed, exchange)
    }
    const { sink } = streamed
    if (entry.verb !== 'chunk' || sink.unsent <= LOW_BYTES) return OK
    return { id, sink, waits: () => !exchange.gone }
  }

  /** The client of a held chunk is too slow, and memory is short. */
  overrun({ id }: Held): void {
    const exchange = this.#node.exchanges.of(id)
    if (exchange) this.#node.arrivals.overrun(exchange)
  }

  /** The connection has ended. @param isBack whether the worker has another one */
  ended(isBack: () => boolean): void {
    if (this.#streams.size === 0) return
    setTimeout(() => {
      if (!isBack()) this.#cut()
      else setTimeout(() => this.#cut(), BACK_MS - RESUME_MS).unref()
    }, RESUME_MS).unref()
  }

  /** Nothing more has come of those that are left. */
  #cut(): void {
    for (const exchange of [...this.#streams.values()]) {
      const message = `job ${exchange.base}: the connection of its worker has ended`
      this.#node.exchanges.abort(exchange, new TempestError('WORKER_LOST', message))
    }
  }
}
