/** Jobs that were popped and not begun: more than slots, or read from a held list. They are begun in order as slots become free. */
import type { Popped } from './held.js'
import type { Source } from './source.js'

interface Unbegun {
  popped: Popped
  source: Source
}

export class UnbegunJobs {
  readonly #mayBegin: () => boolean
  readonly #begin: (popped: Popped, source: Source) => void
  #jobs: Unbegun[] = []
  #beginning = false

  constructor(mayBegin: () => boolean, begin: (popped: Popped, source: Source) => void) {
    this.#mayBegin = mayBegin
    this.#begin = begin
  }

  get size(): number {
    return this.#jobs.length
  }

  add(popped: Popped, source: Source): void {
    this.#jobs.push({ popped, source })
  }

  /** Those of a source are exactly these: one that is no longer held belongs to somebody else. */
  replace(source: Source, jobs: readonly Popped[]): void {
    const others = this.#jobs.filter((each) => each.source !== source)
    this.#jobs = [...others, ...jobs.map((popped) => ({ popped, source }))]
  }

  begin(): void {
    // A handler that returns at once frees its slot within this very loop.
    if (this.#beginning) return
    this.#beginning = true
    let i = 0
    try {
      while (i < this.#jobs.length && this.#mayBegin()) {
        const next = this.#jobs[i++]
        // One that ended while the held list was read may stand here twice, or be gone from there.
        if (!next || next.popped.begun || next.popped.done) continue
        next.popped.begun = true
        this.#begin(next.popped, next.source)
      }
    } finally {
      if (i > 0) this.#jobs = this.#jobs.slice(i)
      this.#beginning = false
    }
  }

  /** Puts all of them back to where they came from. */
  async giveBack(sources: readonly Source[]): Promise<void> {
    const jobs = this.#jobs
    this.#jobs = []
    for (const source of sources) {
      await source.giveBack(
        jobs.filter((each) => each.source === source).map((each) => each.popped),
      )
    }
  }
}
