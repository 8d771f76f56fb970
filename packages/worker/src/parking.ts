/** A call that parks at Redis, and how it is unparked: by CLIENT UNBLOCK, again while it may still be on its way there. */
import { type Connections, type Link, LinkError, reasonOf } from '@tempest/protocol'

const AGAIN_MS = 5
const OOM_PAUSE_MS = 50

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

/** A full Redis refuses BLMOVE but not take: then this worker looks again and again, with a pause. @throws any other refusal. */
export async function pauseWhereFull(refusal: unknown): Promise<void> {
  if (refusal instanceof LinkError || !reasonOf(refusal).startsWith('OOM')) throw refusal
  await new Promise((resolve) => setTimeout(resolve, OOM_PAUSE_MS))
}
