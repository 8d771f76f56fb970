/** What workers had in hand when they were killed or stopped. */
import { elementsOf } from '../helpers/json'
import type { TestRedis } from '../helpers/redis'
import type { Unit } from './unit'

export interface Hands {
  /** By `performance.now()`. */
  lostAt: number
  by: 'kill' | 'pause'
  numbers: readonly number[]
}

/** Notes them. */
export class HandsLog {
  all: Hands[] = []
  readonly #redis: TestRedis

  constructor(redis: TestRedis) {
    this.#redis = redis
  }

  /** What is in its held lists now was lost then; and what it had begun by its journal: others may be quick to take that over. */
  async note(unit: Unit, by: Hands['by'], lostAt: number): Promise<void> {
    const lists = unit.queues.map((queue) =>
      // Where Redis is away nobody knows.
      this.#redis.cli('LRANGE', `{${queue}}:held:${unit.boot}`, 0, -1).catch(() => []),
    )
    const raws = (await Promise.all(lists)).flatMap(elementsOf)
    const held = raws.map((raw) => Number(/\/r\?n=(\d+)/.exec(String(raw))?.[1] ?? -1))
    const numbers = by === 'kill' ? [...new Set([...held, ...begunBy(unit)])] : held
    this.all.push({ lostAt, by, numbers })
  }
}

/** The numbers of the requests that it has begun and not ended, as far as its journal was read. */
function begunBy({ notes }: Unit): number[] {
  const open = new Set<number>()
  for (const { what, n } of notes) {
    if (what === 'begun') open.add(n)
    else if (what !== 'signal') open.delete(n)
  }
  return [...open].filter((n) => n >= 0)
}
