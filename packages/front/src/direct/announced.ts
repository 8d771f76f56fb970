/**
 * Which nodes have said on a connection who they are. When the last one of a node ends as if its process had, and none comes back at once, that
 * node is suspected.
 */

export interface Announcer {
  /** Nothing is read from it just now: its end would not be noticed. */
  readonly blocked: boolean
}

/** A connection that only broke comes back within this time, in ms. */
const BACK_MS = 100

export class Announced {
  readonly #suspect: (boot: string) => void
  readonly #connections = new Map<string, Set<Announcer>>()
  readonly #timers = new Set<NodeJS.Timeout>()

  constructor(suspect: (boot: string) => void) {
    this.#suspect = suspect
  }

  has(boot: string): boolean {
    return this.#connections.has(boot)
  }

  add(boot: string, connection: Announcer): void {
    const known = this.#connections.get(boot)
    if (known) known.add(connection)
    else this.#connections.set(boot, new Set([connection]))
  }

  /** @param meant it said that it would leave, or was sent away */
  remove(boot: string, connection: Announcer, meant: boolean): void {
    const left = this.#connections.get(boot)
    if (!left?.delete(connection)) return
    if (left.size === 0) this.#connections.delete(boot)
    if (meant || !isSilent(left)) return
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      if (isSilent(this.#connections.get(boot))) this.#suspect(boot)
    }, BACK_MS)
    this.#timers.add(timer)
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
  }
}

/** None of them would tell. */
function isSilent(connections: ReadonlySet<Announcer> | undefined): boolean {
  return connections === undefined || [...connections].every(({ blocked }) => blocked)
}
