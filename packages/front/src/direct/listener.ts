/**
 * A front's own listener for workers: it speaks RESP, the protocol of Redis, so that a worker in any language replies over a connection of its
 * own, is slowed down by its client, and is missed at once when it dies.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { reasonOf } from '@tempest/protocol'
import type { FrontContext } from '../context.js'
import { Announced } from './announced.js'
import { DirectConnection } from './connection.js'
import type { ConnectionOwner } from './connection-owner.js'
import type { ListenerFacts } from './info.js'
import { addressOf, type ResolvedDirect } from './options.js'
import { Replier } from './replier.js'
import { Strangers } from './strangers.js'

export interface DirectStats {
  /** Where workers are told to connect; undefined while it does not listen. */
  address: string | undefined
  connections: number
  /** Connections that were refused because there were too many. */
  refused: number
  /** Bytes of commands that have come in part, or wait for their client. */
  bytes: number
  /** Replies that come over them, in pieces, now. */
  streams: number
}

const LOOK_MS = 100
const AGAIN_MS = 1000
/** Of the memory for what is held so much is for what workers have begun to send. */
const PART = 0.5

export class DirectListener implements ConnectionOwner {
  readonly facts: ListenerFacts
  readonly legacy: boolean
  readonly #context: FrontContext
  readonly #options: ResolvedDirect
  readonly #server: Server
  readonly #announced: Announced
  readonly #connections = new Set<DirectConnection>()
  readonly #strangers: Strangers
  readonly #timer: NodeJS.Timeout
  #retry: NodeJS.Timeout | undefined
  #address: string | undefined
  #bytes = 0
  /** Nobody was found since the last look who could give way. */
  #nobodySlow = false
  #refused = 0
  #ids = 0
  #stopped = false
  #logged = ''

  constructor(context: FrontContext, options: ResolvedDirect, version: string) {
    this.#context = context
    this.#options = options
    this.#strangers = new Strangers(options.maxConnections)
    this.legacy = context.options.legacy
    // Before its address is known nobody could reply.
    if (this.legacy) context.node.claim()
    this.facts = {
      ...{ boot: context.node.boot, password: options.password, version, startedAt: Date.now() },
      connections: () => this.#connections.size,
    }
    this.#announced = new Announced((boot) => context.node.suspect(boot))
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket))
    this.#server.maxConnections = options.maxConnections
    this.#server.on('drop', () => this.#refused++)
    this.#server.on('listening', () => this.#listening())
    this.#server.on('error', (error) => this.#failed(error))
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref()
    this.#listen()
  }

  get stats(): DirectStats {
    let streams = 0
    for (const { replier } of this.#connections) streams += replier.streams
    return {
      address: this.#address,
      connections: this.#connections.size,
      refused: this.#refused,
      bytes: this.#bytes,
      streams,
    }
  }

  strange(connection: DirectConnection, isStrange: boolean): void {
    if (isStrange) this.#strangers.add(connection)
    else this.#strangers.remove(connection)
  }

  announced(boot: string, connection: DirectConnection): void {
    this.#announced.add(boot, connection)
  }

  left(connection: DirectConnection): void {
    const { boot, meant } = connection
    if (boot !== undefined) this.#announced.remove(boot, connection, meant || this.#stopped)
  }

  holds(bytes: number): boolean {
    const { memory, options } = this.#context
    this.#bytes += bytes
    memory.bytes += bytes
    memory.streamed += bytes
    const most = options.maxHeldBytes * PART
    while (bytes > 0 && this.#bytes > most && !this.#nobodySlow && this.#cutSlowest());
    return this.#bytes <= most
  }

  ended(connection: DirectConnection): void {
    this.#connections.delete(connection)
    this.#strangers.remove(connection)
    this.left(connection)
    const { boot, replier } = connection
    replier.ended(() => boot !== undefined && this.#announced.has(boot))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearInterval(this.#timer)
    clearTimeout(this.#retry)
    this.#announced.stop()
    const closed = new Promise((resolve) => this.#server.close(resolve))
    for (const connection of this.#connections) connection.destroy()
    await closed
  }

  #listen(): void {
    const { host, port } = this.#options
    this.#server.listen({ host, port, exclusive: true })
  }

  #listening(): void {
    const bound = this.#server.address()
    const port = typeof bound === 'object' && bound ? bound.port : this.#options.port
    this.#address = this.#options.advertise ?? addressOf(this.#options.host, port)
    this.#context.node.exchanges.advertise(this.#address)
    if (this.legacy) void this.#context.node.claim().take(this.#address)
    this.#context.logger.info({ address: this.#address }, 'listens for direct replies')
  }

  /** The one before may not have gone yet: until it has, replies come by the mailbox. */
  #failed(error: Error): void {
    const reason = reasonOf(error)
    if (reason !== this.#logged) {
      this.#logged = reason
      this.#context.logger.error({ reason }, 'cannot listen for direct replies; trying again')
    }
    if (!this.#stopped && !this.#server.listening) {
      this.#retry = setTimeout(() => this.#listen(), AGAIN_MS).unref()
    }
  }

  #accept(socket: Socket): void {
    const replier = new Replier(this.#context.node)
    this.#connections.add(new DirectConnection(socket, ++this.#ids, replier, this))
  }

  #look(): void {
    const now = performance.now()
    this.#nobodySlow = false
    while (this.#context.memory.streamsFull && this.#cutSlowest());
    for (const connection of this.#connections) connection.look(now)
  }

  /** The client that has kept its worker waiting for longest is cut. @returns false where nobody waits. */
  #cutSlowest(): boolean {
    const now = performance.now()
    let slowest: DirectConnection | undefined
    let since = Infinity
    for (const connection of this.#connections) {
      const at = connection.slowSince(now)
      if (at < since) {
        since = at
        slowest = connection
      }
    }
    this.#nobodySlow = slowest === undefined
    slowest?.overrun()
    return slowest !== undefined && slowest.slowSince(now) === Infinity
  }
}
