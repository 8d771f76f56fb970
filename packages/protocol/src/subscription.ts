/**
 * What one node is subscribed to in Redis: a set of channels that changes, over one connection.
 *
 * Changes of one turn are one command. A new connection subscribes to all of them before it is up; what was published in between is lost, and
 * the owner is told so.
 */
import type { Connections } from './connections.js'
import { reasonOf } from './errors.js'
import { isReplyError, type Link } from './link.js'

export interface SubscriptionHandlers {
  message(channel: string, payload: Buffer): void
  /** Redis has confirmed these. */
  confirmed(channels: string[]): void
  /** The connection is back; what was published meanwhile was missed. */
  missed(): void
}

export class Subscription {
  readonly #wanted: Set<string>
  /** What was asked for on this connection. */
  #asked = new Set<string>()
  readonly #handlers: SubscriptionHandlers
  readonly #connections: Connections
  readonly #link: Link
  readonly #changed = new Set<string>()
  #wasUp = false
  /** What the connection before this one missed has not been told yet. */
  #untold = false
  #upAt = -Infinity

  /** @param always channels it begins with */
  constructor(connections: Connections, always: string[], handlers: SubscriptionHandlers) {
    this.#connections = connections
    this.#handlers = handlers
    this.#wanted = new Set(always)
    this.#link = connections.listen(this.#wanted, {
      message: (channel, payload) => {
        // A new connection hears before it is up.
        this.#tell()
        handlers.message(channel, payload)
      },
      subscribing: (channels) => {
        this.#asked = new Set(channels)
        this.#untold = this.#wasUp
      },
      up: () => this.#up(),
    })
  }

  /** Whether what is published now is heard, as far as is known. */
  get up(): boolean {
    return this.#link.up
  }

  /** When the connection came up, by `performance.now()`. */
  get upAt(): number {
    return this.#upAt
  }

  add(channel: string): void {
    this.#wanted.add(channel)
    this.#change(channel)
  }

  remove(channel: string): void {
    this.#wanted.delete(channel)
    this.#change(channel)
  }

  /** It has gone deaf: a new connection takes its place. */
  reset(): void {
    this.#link.reset()
  }

  #change(channel: string): void {
    if (this.#changed.size === 0) queueMicrotask(() => this.#flush())
    this.#changed.add(channel)
  }

  #flush(): void {
    const changed = [...this.#changed]
    this.#changed.clear()
    // A connection that comes up asks for all that is wanted.
    if (this.#link.up) this.#ask(changed)
  }

  #ask(changed: string[]): void {
    const more = changed.filter((each) => this.#wanted.has(each) && !this.#asked.has(each))
    const less = changed.filter((each) => !this.#wanted.has(each) && this.#asked.has(each))
    for (const each of more) this.#asked.add(each)
    for (const each of less) this.#asked.delete(each)
    if (less.length > 0) this.#send('unsubscribe', less)
    if (more.length > 0) this.#send('subscribe', more, () => this.#handlers.confirmed(more))
    // Wanted still, and asked for: it was dropped and wanted again within the turn.
    const kept = changed.filter((each) => this.#wanted.has(each) && !more.includes(each))
    if (kept.length > 0) this.#send('ping', [], () => this.#handlers.confirmed(kept))
  }

  #send(command: string, channels: string[], done: () => void = () => undefined): void {
    this.#link.send(command, channels).then(done, (error: unknown) => {
      const { logger } = this.#connections.options
      logger.debug({ reason: reasonOf(error) }, `${command} broke off`)
      // Refused: what is subscribed to is not known any more. Where it broke it comes back by itself.
      if (isReplyError(error)) this.#link.reset()
    })
  }

  #tell(): void {
    if (!this.#untold) return
    this.#untold = false
    this.#handlers.missed()
  }

  #up(): void {
    this.#upAt = performance.now()
    // Before those are confirmed that have missed nothing.
    this.#tell()
    this.#wasUp = true
    // What has changed since the connection began to subscribe.
    this.#ask(
      [...new Set([...this.#wanted, ...this.#asked])].filter(
        (each) => this.#wanted.has(each) !== this.#asked.has(each),
      ),
    )
    this.#handlers.confirmed([...this.#asked])
  }
}
