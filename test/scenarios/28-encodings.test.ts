/** Fronts that write MessagePack and fronts that write JSON on one queue, while workers are killed. */
import { afterAll, expect, test } from '@jest/globals'
import { setTimeout as pause } from 'node:timers/promises'
import { createNode } from '@tempest/protocol'
import { describeWithRedis } from '../helpers/redis'
import { until } from '../helpers/until'
import { type Fleet, openFleet } from './fleet'

const KILLS = 5
const IN_HAND = 4

describeWithRedis('fronts of both encodings', () => {
  let fleet: Fleet | undefined
  afterAll(() => fleet?.stop())

  test('lose no request that may be retried when workers are killed, nor a job that was pushed, and leave nothing', async () => {
    const own = await openFleet({
      ...{ name: 'both encodings', workers: 3, workersDie: true, maxMs: 300 },
      front: { encoding: 'msgpack' },
      worker: { retryBudget: 1, concurrency: 16 },
    })
    fleet = own
    await own.start('front', { options: { encoding: 'json' } })
    const node = createNode({ redis: own.redis.url, encoding: 'msgpack' })
    own.load.start(80)
    const names = Array.from({ length: 20 }, (_, n) => `p${n}`)
    const pushing = names.map((name) => node.push('q0', 'note', [{ terms: `n=${name}&ms=400` }]))
    await Promise.all(pushing)
    for (let n = 0; n < KILLS; n++) {
      await pause(300)
      const [victim] = own.living('worker')
      if (!victim) throw new Error('all workers have died')
      // With nothing in hand its death would show nothing.
      await until(async () => (await victim.count('held')) >= IN_HAND, 10_000)
      await own.kill(victim)
      await own.start('worker')
    }
    const done = (name: string): boolean => own.notes(name).some(({ what }) => what === 'ended')
    await until(() => names.every(done), 20_000)
    await node.stop()
    await own.load.finish()
    await own.close()
    // Otherwise nothing was shown.
    expect(own.recoveries().answered.length).toBeGreaterThan(2)
  })
})
