/** A call that parks at Redis, and how it is unparked: by CLIENT UNBLOCK, again while it may still be on its way there. */
import type { Connections, Link } from '@tempest/protocol'

const AGAIN_MS = 5

export class Parking {
  readonly #connections: Connections
  readonly #link: Link
  #parked = false
  /** Counts parked calls, so that none is unparked in place of the one before it. */
  #parks = 0

  constructor(connections: Connections, link: Link) {
    this.#connections = connections
    this.#link = link
  }

  /** Runs a call that may be unparked meanwhile. */
  async while<T>(call: () => Promise<T>): Promise<T> {
    this.#parked = true
    this.#parks++
    try {
      return await call()
    } finally {
      this.#parked = false
    }
  }

  async unpark(): Promise<void> {
    const meant = this.#parks
    while (this.#parked && this.#parks === meant && this.#connections.commands.up) {
      if (await this.#connections.unblock(this.#link)) return
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
    }
  }
}
