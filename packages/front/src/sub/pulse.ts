/** That a hub is not deaf is not assumed: twice a second something is published to itself. A connection that does not hear it is replaced. */
import type { Connections, Subscription } from '@tempest/protocol'

const EVERY_MS = 500
/** Two in a row may be late, by a machine that is busy; with the time until the next one this is less than 2 s. */
const DEAF_MS = 1400

export class Pulse {
  readonly #connections: Connections
  readonly #channel: string
  readonly #subscription: Subscription
  readonly #timer: NodeJS.Timeout
  #heardAt = performance.now()
  #resetAt = -Infinity

  constructor(connections: Connections, channel: string, subscription: Subscription) {
    this.#connections = connections
    this.#channel = channel
    this.#subscription = subscription
    this.#timer = setInterval(() => this.#beat(), EVERY_MS).unref()
  }

  get deaf(): boolean {
    return performance.now() - this.#heardAt > DEAF_MS
  }

  heard(): void {
    this.#heardAt = performance.now()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #beat(): void {
    const { commands } = this.#connections
    if (!commands.up) return
    // What cannot be sent is not heard either.
    commands.send('publish', [this.#channel, '']).catch(() => undefined)
    const now = performance.now()
    // A connection that has just come has had no time to hear.
    const since = Math.max(this.#heardAt, this.#subscription.upAt, this.#resetAt)
    if (!this.#subscription.up || now - since < DEAF_MS) return
    this.#resetAt = now
    this.#subscription.reset()
  }
}
