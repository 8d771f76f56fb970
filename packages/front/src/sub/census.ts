/**
 * How many clients of this front are subscribed to which channel, for all to read. It is written once a second where it has changed, and goes
 * away by itself when the front is gone.
 */
import { type Connections, keys } from '@tempest/protocol'

const LIFE_MS = 5000
/** Fields of one command. */
const FIELDS = 1000

export class Census {
  readonly #connections: Connections
  readonly #counts = new Map<string, number>()
  readonly #changed = new Set<string>()
  readonly #key: string
  #stale = false

  constructor(connections: Connections) {
    this.#connections = connections
    this.#key = keys.subscribers(connections.boot)
    connections.every(() => this.#write())
    // What stands there may be of an older snapshot.
    connections.onRenewed(() => (this.#stale = true))
  }

  /** @param change 1 or -1 */
  count(channel: string, change: number): void {
    const count = (this.#counts.get(channel) ?? 0) + change
    if (count > 0) this.#counts.set(channel, count)
    else this.#counts.delete(channel)
    this.#changed.add(channel)
  }

  async leave(): Promise<void> {
    await this.#connections.commands.send('del', [this.#key])
  }

  async #write(): Promise<void> {
    const { commands } = this.#connections
    if (this.#stale) {
      await commands.send('del', [this.#key])
      this.#stale = false
      this.#doubt()
    }
    const changed = [...this.#changed]
    this.#changed.clear()
    try {
      for (let from = 0; from < changed.length; from += FIELDS) {
        await this.#send(changed.slice(from, from + FIELDS))
      }
      if (this.#counts.size === 0) return
      const there = await commands.send('pexpire', [this.#key, LIFE_MS])
      if (there !== 1) this.#doubt()
    } catch (error) {
      for (const channel of changed) this.#changed.add(channel)
      this.#doubt()
      throw error
    }
  }

  async #send(channels: string[]): Promise<void> {
    const { commands } = this.#connections
    const there = channels.filter((channel) => this.#counts.has(channel))
    const gone = channels.filter((channel) => !this.#counts.has(channel))
    const fields = there.flatMap((channel) => [channel, this.#counts.get(channel) ?? 0])
    await Promise.all([
      there.length > 0 ? commands.send('hset', [this.#key, ...fields]) : undefined,
      gone.length > 0 ? commands.send('hdel', [this.#key, ...gone]) : undefined,
      commands.send('pexpire', [this.#key, LIFE_MS]),
    ])
  }

  /** What stands in Redis may be wrong: all is written anew. */
  #doubt(): void {
    for (const channel of this.#counts.keys()) this.#changed.add(channel)
  }
}
