/**
 * Who is dead, judged from counters that grow while their nodes live. Pure.
 *
 * Dead is whose counter has not changed for the patience its record states, by the observer's own monotonic clock. An observer
 * that was itself away begins anew, and one whose own beat did not arrive meanwhile accuses nobody: then it is Redis, or the
 * way there, that stood still. No clock of another machine plays a part.
 */

/** An observer that did not look for this long, or waited so long for an answer, was away itself. */
const AWAY_MS = 1000
/** Its own beat must have changed within this time. */
const OWN_MS = 1600

interface Seen {
  beat: string
  changedAt: number
}

export class Observer {
  readonly #own: string
  readonly #seen = new Map<string, Seen>()
  #lookedAt = -Infinity

  constructor(own: string) {
    this.#own = own
  }

  /** Begins anew: what was seen until now proves nothing. */
  restart(): void {
    this.#lookedAt = -Infinity
  }

  /**
   * Takes the counters as they were read.
   * @param askedAt when they were asked for, `now` when they came, by `performance.now()`.
   * @returns boots that were not here before.
   */
  look(beats: ReadonlyMap<string, string>, askedAt: number, now: number): string[] {
    const away = now - this.#lookedAt > AWAY_MS || now - askedAt > AWAY_MS
    this.#lookedAt = now
    const fresh: string[] = []
    for (const [boot, beat] of beats) {
      const seen = this.#seen.get(boot)
      if (!seen) fresh.push(boot)
      if (!seen || away || seen.beat !== beat) this.#seen.set(boot, { beat, changedAt: now })
    }
    for (const boot of this.#seen.keys()) if (!beats.has(boot)) this.#seen.delete(boot)
    return fresh
  }

  /** Whose counter has stood still for longer than their patience in ms; nobody where this node's own has as well. */
  silent(patienceOf: (boot: string) => number): string[] {
    const own = this.#seen.get(this.#own)
    if (!own || this.#lookedAt - own.changedAt > OWN_MS) return []
    const silent: string[] = []
    for (const [boot, { changedAt }] of this.#seen) {
      const changedSince = own.changedAt > changedAt
      if (changedSince && this.#lookedAt - changedAt > patienceOf(boot)) silent.push(boot)
    }
    return silent
  }

  /** Its counter as it was seen last. */
  beatOf(boot: string): string | undefined {
    return this.#seen.get(boot)?.beat
  }

  /** It lives: something else than its beat has told. */
  excuse(boot: string): void {
    const seen = this.#seen.get(boot)
    if (seen) seen.changedAt = this.#lookedAt
  }

  /** How long ago its counter was seen to change, in ms; undefined where it is not here. */
  silentMs(boot: string): number | undefined {
    const seen = this.#seen.get(boot)
    return seen && this.#lookedAt - seen.changedAt
  }
}
