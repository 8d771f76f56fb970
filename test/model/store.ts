/** What Redis holds, as plain values: as much of it as the scripts of the model touch. A copy of it is a snapshot. */

export class Store {
  readonly lists = new Map<string, string[]>()
  readonly hashes = new Map<string, Map<string, string>>()
  readonly zsets = new Map<string, Map<string, number>>()
  readonly sets = new Map<string, Set<string>>()

  /** The list itself, made where there is none; `tidy` removes what is empty, as Redis does. */
  list(key: string): string[] {
    return made(this.lists, key, () => [])
  }

  hash(key: string): Map<string, string> {
    return made(this.hashes, key, () => new Map<string, string>())
  }

  zset(key: string): Map<string, number> {
    return made(this.zsets, key, () => new Map<string, number>())
  }

  set(key: string): Set<string> {
    return made(this.sets, key, () => new Set<string>())
  }

  /** LREM: from the head for 1, from the end for -1. @returns how many were removed. */
  lrem(key: string, count: 1 | -1, value: string): number {
    const list = this.list(key)
    const at = count < 0 ? list.lastIndexOf(value) : list.indexOf(value)
    if (at >= 0) list.splice(at, 1)
    return at >= 0 ? 1 : 0
  }

  clone(): Store {
    const copy = new Store()
    for (const [key, list] of this.lists) copy.lists.set(key, [...list])
    for (const [key, hash] of this.hashes) copy.hashes.set(key, new Map(hash))
    for (const [key, zset] of this.zsets) copy.zsets.set(key, new Map(zset))
    for (const [key, set] of this.sets) copy.sets.set(key, new Set(set))
    return copy
  }

  /** Everything that is not empty, for comparing. */
  contents(): Record<string, unknown> {
    const all: [string, unknown][] = []
    for (const [key, list] of this.lists) if (list.length > 0) all.push([key, list])
    for (const [key, hash] of this.hashes) if (hash.size > 0) all.push([key, sorted(hash)])
    for (const [key, zset] of this.zsets) if (zset.size > 0) all.push([key, sorted(zset)])
    for (const [key, set] of this.sets) if (set.size > 0) all.push([key, [...set].sort()])
    return Object.fromEntries(all)
  }
}

function made<T>(map: Map<string, T>, key: string, make: () => T): T {
  const found = map.get(key)
  if (found !== undefined) return found
  const fresh = make()
  map.set(key, fresh)
  return fresh
}

function sorted(map: ReadonlyMap<string, string | number>): Record<string, string | number> {
  return Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1)))
}
