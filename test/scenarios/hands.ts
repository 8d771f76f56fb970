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

/** The numbers of the requests in a worker's held lists. */
export async function heldBy(unit: Unit, redis: TestRedis): Promise<number[]> {
  const lists = unit.queues.map((queue) =>
    // Where Redis is away nobody knows.
    redis.cli('LRANGE', `{${queue}}:held:${unit.boot}`, 0, -1).catch(() => []),
  )
  const raws = (await Promise.all(lists)).flatMap(elementsOf)
  return raws.map((raw) => Number(/\/r\?n=(\d+)/.exec(String(raw))?.[1] ?? -1))
}
