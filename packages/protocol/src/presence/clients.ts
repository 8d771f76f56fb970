/** Which nodes have connections to Redis, as Redis itself tells: by their names, which begin with the node's boot. */
import type { Link } from '../redis/link.js'

/** The list is as long as Redis has clients: those who ask within this time, in ms, share one. */
const GATHER_MS = 2

export class Clients {
  readonly #link: Link
  /** Asked for, and not read yet. */
  #next: Promise<string> | undefined

  constructor(link: Link) {
    this.#link = link
  }

  /** Whether any connection of this node is there, at a moment after the call. @throws what `Link.send` throws. */
  async has(boot: string): Promise<boolean> {
    const list = await (this.#next ??= this.#read())
    return list.includes(` name=tempest:${boot}:`)
  }

  async #read(): Promise<string> {
    await new Promise((resolve) => setTimeout(resolve, GATHER_MS))
    this.#next = undefined
    return String(await this.#link.send('client', ['LIST']))
  }
}
