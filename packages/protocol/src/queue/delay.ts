/**
 * Jobs that are due later, of one queue: adding them, and moving those that are due to their lists.
 *
 * They are due by a clock of the queue's own, which advances by what its nodes see pass (lua/delay.lua); so no jump of anybody's
 * clock makes them early or late.
 */
import { join } from 'node:path'
import type { Connections } from '../redis/connections.js'
import { keys, priorities, type Priority } from '../wire/keys.js'
import { listOf } from '../wire/list.js'
import { loadScript, refusable } from '../redis/script.js'

const delayScript = loadScript(join(__dirname, '..', '..', 'lua', 'delay.lua'))

/** What is added makes a full Redis fuller; what is moved does not. */
const addScript = refusable(delayScript)

const MAX_MOVED = 500

export class Delay {
  readonly #queue: string
  readonly #connections: Connections
  readonly #keys: string[]
  /** What the queue's clock showed, and when this process heard of it. */
  #seen: { clock: string; id: string; at: number } | undefined

  constructor(queue: string, connections: Connections) {
    this.#queue = queue
    this.#connections = connections
    this.#keys = [
      keys.delayed(queue),
      keys.clock(queue),
      ...priorities.map((priority) => keys.queue(queue, priority)),
      keys.workers(queue),
    ]
  }

  /** Adds a job that is due in so many ms. @throws what `Link.script` throws. */
  async add(delayMs: number, priority: Priority, job: string | Buffer): Promise<void> {
    const list = Buffer.from(String(priorities.indexOf(priority) + 1))
    await this.#call([delayMs, Buffer.concat([list, Buffer.from(job)])])
  }

  /** Moves what is due. @returns ms until the next is; undefined where none waits. */
  async move(): Promise<number | undefined> {
    return this.#call([])
  }

  async #call(pair: (Buffer | number)[]): Promise<number | undefined> {
    const { commands, boot } = this.#connections
    const seen = this.#seen
    const passed = seen ? Math.floor(performance.now() - seen.at) : 0
    const args = [boot, seen?.clock ?? '', passed, MAX_MOVED, seen?.id ?? '', ...pair]
    const reply = listOf(
      await commands.script(pair.length > 0 ? addScript : delayScript, this.#keys, args),
    )
    const [clock, next, rung, , id] = reply
    const text = String(clock)
    this.#seen =
      next === -1 || text === ''
        ? undefined
        : { clock: text, id: String(id), at: performance.now() }
    // Workers park on the normal list only.
    if (Number(rung) > 0) await commands.send('publish', [keys.bell(this.#queue), ''])
    return next === -1 ? undefined : Number(next)
  }
}
