/** What the requests of one front share. */
import { type Logger, type Node, type TempestError, Wheel } from '@tempest/protocol'
import type { Memory } from './body.js'
import type { ResolvedFrontOptions } from './options.js'
import { Sockets } from './sockets.js'
import { Census } from './sub/census.js'
import type { Hub } from './sub/hub.js'

/**
 * Never backward. `unready`: it takes everything, and says to balancers and on each connection that it will not for long. `draining`: it takes no
 * connections.
 */
export type FrontState = 'open' | 'unready' | 'draining' | 'stopped'

export interface FrontCounts {
  /** Requests that came in. */
  requests: number
  /** Responses by status. */
  answers: Record<string, number>
  /** Requests that ended in an error of ours or of a worker's `fail`, by code. */
  errors: Record<string, number>
  /** Clients that left before their response. */
  left: number
}

/** A request whose body is being read. */
export interface Reading {
  /** Where the context keeps it; -1: not here. */
  readingIndex: number
  failed(error: TempestError): void
}

/** Of the memory for what is held so much is for replies that come in pieces: slow clients must not keep others out. */
const STREAMS_PART = 0.75

export class FrontContext {
  readonly node: Node
  readonly options: ResolvedFrontOptions
  readonly logger: Logger
  readonly sockets = new Sockets()
  readonly wheel = new Wheel()
  readonly memory: Memory
  readonly counts: FrontCounts = { requests: 0, answers: {}, errors: {}, left: 0 }
  readonly hubs: Hub[] = []
  state: FrontState = 'open'
  inFlight = 0
  /** An array for the reason given in sockets.ts. */
  readonly #reading: Reading[] = []
  #empty: (() => void)[] = []
  #census: Census | undefined

  constructor(node: Node, options: ResolvedFrontOptions, logger: Logger) {
    this.node = node
    this.options = options
    this.logger = logger
    this.memory = {
      bytes: 0,
      streamed: 0,
      get streamsFull() {
        return this.streamed >= options.maxHeldBytes * STREAMS_PART
      },
      get full() {
        return this.bytes + node.exchanges.heldChars >= options.maxHeldBytes
      },
    }
  }

  /** Made when the first hub is. */
  get census(): Census {
    return (this.#census ??= new Census(this.node.connections))
  }

  /** A response was written. */
  answered(status: number): void {
    const { answers } = this.counts
    answers[status] = (answers[status] ?? 0) + 1
  }

  erred(code: string): void {
    const { errors } = this.counts
    errors[code] = (errors[code] ?? 0) + 1
  }

  beginReading(request: Reading): void {
    request.readingIndex = this.#reading.push(request) - 1
  }

  endReading(request: Reading): void {
    const last = this.#reading.pop()
    if (last && last !== request) {
      this.#reading[request.readingIndex] = last
      last.readingIndex = request.readingIndex
    }
    request.readingIndex = -1
  }

  /** Ends every open request. */
  failAll(error: TempestError): void {
    for (const request of [...this.#reading]) request.failed(error)
    this.node.exchanges.failAll(error)
  }

  /** A request is over. */
  ended(): void {
    if (--this.inFlight > 0) return
    for (const resolve of this.#empty) resolve()
    this.#empty = []
  }

  whenEmpty(): Promise<void> {
    return this.inFlight === 0
      ? Promise.resolve()
      : new Promise((resolve) => this.#empty.push(resolve))
  }
}
