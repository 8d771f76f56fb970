/** Removes finished jobs from their held lists at the end of a turn, where no take has done it by then. */
import type { Source } from './source.js'

export class Settler {
  readonly #due = new Set<Source>()
  #scheduled = false
  /** Called when a removal has an unknown outcome. */
  failed: () => void = () => undefined

  add(source: Source): void {
    this.#due.add(source)
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      const due = [...this.#due]
      this.#due.clear()
      for (const each of due) each.settle().catch(() => this.failed())
    })
  }
}
