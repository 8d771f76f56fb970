/** What the workers of a run, and those that its cases have made up, write into Redis; and how that is removed. */
import type { Redis } from 'ioredis'

export interface KnownWorker {
  boot: string
  record: Record<string, unknown>
}

const LISTS = ['high', 'low', 'workers', 'budget', 'delayed', 'clock', 'dead']
const OF_A_BOOT = ['held', 'suspect']
const SCANNED = 1000

export class Traces {
  readonly queues = new Set<string>()
  /** Keys that cases have named elsewhere: one that was given up can remove nothing. */
  readonly keys = new Set<string>()
  /** Boots of dead workers that a case has made up. */
  readonly madeUp = new Set<string>()
  /** Of all workers that were seen, on any queue of the run. */
  readonly boots = new Set<string>()

  /** P-100: workers of a queue, as their records say. A command may be several, one for each process or thread. */
  async workersOf(redis: Redis, queue: string): Promise<KnownWorker[]> {
    const all = await redis.hgetall('tempest:nodes')
    return Object.entries(all).flatMap(([boot, text]) => {
      const record = parse(text)
      const { queues, role = 'worker' } = record
      const its = Array.isArray(queues) && queues.includes(queue) && role === 'worker'
      if (!its || this.madeUp.has(boot)) return []
      this.boots.add(boot)
      return [{ boot, record }]
    })
  }

  /** What workers of the queue leave when they are killed. */
  async remove(redis: Redis, queue: string): Promise<void> {
    for (const { boot } of await this.workersOf(redis, queue)) await removeNode(redis, boot)
    const boots = [...this.boots, ...this.madeUp]
    const names = boots.flatMap((boot) => OF_A_BOOT.map((name) => `${name}:${boot}`))
    await redis.del(queue, ...[...LISTS, ...names].map((name) => `{${queue}}:${name}`))
  }

  /** When no worker is left: also what a sweep or a case has left that was not to its end. */
  async removeAll(redis: Redis): Promise<void> {
    for (const queue of this.queues) await this.remove(redis, queue)
    for (const boot of [...this.boots, ...this.madeUp]) await removeNode(redis, boot)
    if (this.keys.size > 0) await redis.del(...this.keys)
    await this.#removeHistories(redis)
  }

  /** They are named after jobs, of which workers make further ones: so they are looked for. */
  async #removeHistories(redis: Redis): Promise<void> {
    let cursor = '0'
    do {
      const [next, keys] = await redis.scan(cursor, 'MATCH', '{conformance-*}:*', 'COUNT', SCANNED)
      const own = keys.filter((key) => this.queues.has(key.slice(1, key.indexOf('}'))))
      if (own.length > 0) await redis.del(...own)
      cursor = next
    } while (cursor !== '0')
  }
}

/** Its record, its beat, and what those who sweep it note. */
export async function removeNode(redis: Redis, boot: string): Promise<void> {
  await redis.hdel('tempest:nodes', boot)
  await redis.hdel('tempest:beats', boot)
  await redis.hdel('tempest:gone', boot, `${boot}:swept`, `${boot}:cancelled`)
  await redis.del(`tempest:sweep:${boot}`)
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    return {}
  }
}
