/**
 * Ids whose clients have left, remembered until their deadline, so that who pops such a job later drops it.
 *
 * Bounded: when it is full the oldest are forgotten, and the deadline has to do.
 */
import { bootOf, type Connections, keys } from '@tempest/protocol'

const MAX_IDS = 100_000
/** What a front is asked under ends in this where all its jobs are meant. */
const ALL = '-*'

export class Cancels {
  readonly #connections: Connections
  /** Base id → deadline in Redis' time, in order of arrival. */
  readonly #ids = new Map<string, number>()
  /** Boots of fronts that are gone, named as `<boot>-*` → deadline in Redis' time. */
  readonly #boots = new Map<string, number>()

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
    for (const id of message.ids) {
      if (id.endsWith(ALL)) this.#boots.set(id.slice(0, -ALL.length), message.until)
      else this.#ids.set(id, message.until)
    }
    for (const map of [this.#ids, this.#boots]) {
      let excess = map.size - MAX_IDS
      for (const id of map.keys()) {
        if (excess-- <= 0) break
        map.delete(id)
      }
    }
    return message.ids
  }

  has(base: string): boolean {
    return this.#ids.size > 0 && this.#ids.has(base)
  }

  /** Whether the node that asked was said to be gone. */
  hasBootOf(base: string): boolean {
    return this.#boots.size > 0 && this.#boots.has(bootOf(base))
  }

  /** It may be here again: only its record knows. @throws what `Link.send` throws. */
  async isGone(base: string): Promise<boolean> {
    const boot = bootOf(base)
    const here = await this.#connections.commands.send('hexists', [keys.nodes, boot])
    if (here === 1) this.#boots.delete(boot)
    return here !== 1
  }

  #sweep(): void {
    const { clock } = this.#connections
    for (const map of [this.#ids, this.#boots]) {
      for (const [id, until] of map) if (clock.untilMs(until) < 0) map.delete(id)
    }
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
