/**
 * What one node is subscribed to in Redis: a set of channels that changes, over one connection.
 *
 * Changes of one turn are one command. A new connection subscribes to all of them again; what was published in between is lost, and the owner
 * is told so before anything else comes.
 */
import type { Connections } from './connections.js'
import { reasonOf } from '../wire/errors.js'
import { isReplyError, type Link } from './link.js'

export interface SubscriptionHandlers {
  message(channel: string, payload: Buffer): void
  /** Redis has confirmed these: from now on they are heard. */
  confirmed(channels: string[]): void
  /** Redis refuses them (access rules); they are wanted no longer. */
  refused(channels: string[]): void
  /** The connection is gone: nothing is heard. */
  lost(): void
  /** The connection is back; what was published meanwhile was missed. */
  missed(): void
}

export class Subscription {
  readonly #wanted = new Set<string>()
  /** What was asked for on this connection, and with which of its commands. */
  readonly #asked = new Map<string, number>()
  readonly #handlers: SubscriptionHandlers
  readonly #connections: Connections
  readonly #link: Link
  readonly #changed = new Set<string>()
  #commands = 0
  #wasUp = false
  /** What the connection before this one missed has not been told. */
  #untold = false

  /** @param always channels it cannot do without */
  constructor(connections: Connections, always: string[], handlers: SubscriptionHandlers) {
    this.#connections = connections
    this.#handlers = handlers
    this.#link = connections.listen(always, {
      message: (channel, payload) => {
        if (!always.includes(channel)) this.#tell()
        handlers.message(channel, payload)
      },
      up: () => this.#up(),
      down: () => handlers.lost(),
    })
  }

  /** Whether what is published now is heard, as far as is known. */
  get up(): boolean {
    return this.#link.up
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
    if (!this.#link.up) return
    const less = changed.filter((each) => !this.#wanted.has(each) && this.#asked.delete(each))
    if (less.length > 0) this.#send('unsubscribe', less).catch(() => undefined)
    const more = changed.filter((each) => this.#wanted.has(each))
    if (more.length > 0) void this.#subscribe(more)
  }

  async #subscribe(channels: string[]): Promise<void> {
    const number = ++this.#commands
    for (const channel of channels) this.#asked.set(channel, number)
    try {
      await this.#send('subscribe', channels)
    } catch (error) {
      // What broke is asked for again by the next connection.
      if (!isReplyError(error)) return
      if (channels.length > 1) {
        for (const channel of channels) {
          if (this.#asked.get(channel) === number) void this.#subscribe([channel])
        }
        return
      }
      for (const channel of channels) this.#wanted.delete(channel)
      this.#handlers.refused(channels)
      return
    }
    this.#tell()
    // One that was dropped and wanted again meanwhile is confirmed by its own command.
    this.#handlers.confirmed(channels.filter((channel) => this.#asked.get(channel) === number))
  }

  async #send(command: string, channels: string[]): Promise<void> {
    try {
      await this.#link.send(command, channels)
    } catch (error) {
      const { logger } = this.#connections.options
      const level = isReplyError(error) ? 'warn' : 'debug'
      logger[level]({ reason: reasonOf(error), command, channels: channels.length }, 'subscription')
      throw error
    }
  }

  #up(): void {
    this.#asked.clear()
    this.#untold = this.#wasUp
    this.#wasUp = true
    // One command: what is missed ends for all channels at once, and is told before anything comes.
    if (this.#wanted.size > 0) void this.#subscribe([...this.#wanted])
    else this.#tell()
  }

  #tell(): void {
    if (!this.#untold) return
    this.#untold = false
    this.#handlers.missed()
  }
}
