/** Connections that have not said the password. They are few: where one more comes, the oldest goes. Pure. */

export interface Stranger {
  refuse(reason: string): void
}

/** Whoever knows the password has said it long before so many others have come. */
const MOST = 256

export class Strangers {
  readonly #strangers = new Set<Stranger>()
  readonly #most: number

  /** @param places how many connections there may be in all */
  constructor(places: number) {
    this.#most = Math.min(MOST, Math.ceil(places / 2))
  }

  add(stranger: Stranger): void {
    this.#strangers.add(stranger)
    if (this.#strangers.size <= this.#most) return
    const [oldest] = this.#strangers
    if (oldest === undefined) return
    this.#strangers.delete(oldest)
    oldest.refuse('say the password sooner')
  }

  remove(stranger: Stranger): void {
    this.#strangers.delete(stranger)
  }
}
