/**
 * Ids whose clients have left, remembered until their deadline, so that who pops such a job later drops it.
 *
 * Bounded: when it is full the oldest are forgotten, and the deadline has to do.
 */
import type { Connections } from '@tempest/protocol'

const MAX_IDS = 100_000

export class Cancels {
  readonly #connections: Connections
  /** Base id → deadline in Redis' time, in order of arrival. */
  readonly #ids = new Map<string, number>()

  constructor(connections: Connections) {
    this.#connections = connections
    connections.every(() => Promise.resolve(this.#sweep()))
  }

  get size(): number {
    return this.#ids.size
  }

  /** Takes what was published on a cancel channel. @returns the base ids in it; none if it is malformed. */
  take(payload: Buffer): string[] {
    const message = parse(payload)
    if (!message) return []
    for (const id of message.ids) this.#ids.set(id, message.until)
    const excess = this.#ids.size - MAX_IDS
    if (excess > 0) {
      let i = 0
      for (const id of this.#ids.keys()) {
        if (i++ === excess) break
        this.#ids.delete(id)
      }
    }
    return message.ids
  }

  has(base: string): boolean {
    return this.#ids.size > 0 && this.#ids.has(base)
  }

  #sweep(): void {
    const { clock } = this.#connections
    for (const [id, until] of this.#ids) if (clock.untilMs(until) < 0) this.#ids.delete(id)
  }
}

function parse(payload: Buffer): { ids: string[]; until: number } | undefined {
  let value: unknown
  try {
    value = JSON.parse(payload.toString('utf8'))
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  if (!('ids' in value) || !('until' in value)) return undefined
  const { ids, until } = value
  if (!Array.isArray(ids) || typeof until !== 'number' || !Number.isFinite(until)) return undefined
  return { ids: ids.filter((id): id is string => typeof id === 'string'), until }
}
