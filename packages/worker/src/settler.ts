/** Removes finished jobs from their held lists at the end of a turn, where no take has done it by then. */
import type { Source } from './source.js'

export class Settler {
  #due: Source[] = []
  #scheduled = false
  /** Called when a removal has an unknown outcome. */
  failed: () => void = () => undefined

  add(source: Source): void {
    if (!this.#due.includes(source)) this.#due.push(source)
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      const due = this.#due
      this.#due = []
      for (const each of due) each.settle().catch(() => this.failed())
    })
  }
}
