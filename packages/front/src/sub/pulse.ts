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
  /** When all was well last. */
  #wellAt = performance.now()
  /** When the first was sent that has not been heard, over connections that were up ever since. */
  #askedAt: number | undefined

  constructor(connections: Connections, channel: string, subscription: Subscription) {
    this.#connections = connections
    this.#channel = channel
    this.#subscription = subscription
    this.#timer = setInterval(() => this.#beat(), EVERY_MS).unref()
  }

  get deaf(): boolean {
    return performance.now() - this.#wellAt > DEAF_MS
  }

  heard(): void {
    this.#wellAt = performance.now()
    this.#askedAt = undefined
  }

  /** The subscription is gone, or new. */
  renewed(): void {
    this.#askedAt = undefined
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #beat(): void {
    const { commands } = this.#connections
    if (!commands.up) {
      // Nothing can be said of the subscription; that Redis is away others tell.
      this.heard()
      return
    }
    if (!this.#subscription.up) return
    const asked = (this.#askedAt ??= performance.now())
    // What cannot be sent is not heard either.
    commands.send('publish', [this.#channel, '']).catch(() => undefined)
    if (performance.now() - asked < DEAF_MS) return
    // After a standstill of this process the answers are there and have not been read yet.
    setImmediate(() => {
      if (this.#askedAt !== asked) return
      this.#askedAt = undefined
      this.#subscription.reset()
    })
  }
}
