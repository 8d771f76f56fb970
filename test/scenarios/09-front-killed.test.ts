/** A front is killed with requests open, those of another front of the same queue among them. */
import { afterAll, expect, test } from '@jest/globals'
import { describeWithRedis } from '../helpers/redis'
import { until } from '../helpers/until'
import { type Fleet, openFleet } from './fleet'

/** Three patiences of 1 s, in the last two of which it could still come back, and the 2 s in which sweepers look again. */
const CANCELLED_MS = 5500

describeWithRedis('a front that is killed with requests open', () => {
  let fleet: Fleet | undefined
  afterAll(async () => {
    await fleet?.stop()
  })

  test('breaks the connections of its clients; its jobs are cancelled, its record and mailbox go, another front is not harmed', async () => {
    fleet = await openFleet({ name: 'front killed', fronts: 2, worker: { concurrency: 8 } })
    const { load, notes } = fleet
    const [victim, other] = fleet.living('front')
    if (!victim || !other) throw new Error('no fronts')
    const query = 'do=mind&ms=15000'
    const running = Array.from({ length: 8 }, (_, i) =>
      load.ask({ port: victim.port, query, method: i % 2 ? 'GET' : 'POST', expected: [broken] }),
    )
    await until(() => running.every(({ n }) => notes(n).length > 0))
    const waiting = Array.from({ length: 6 }, () =>
      load.ask({ port: victim.port, query, expected: [broken] }),
    )
    const others = Array.from({ length: 6 }, (_, i) =>
      load.ask({ port: other.port, method: i % 2 ? 'GET' : 'POST', expected: ['200'] }),
    )
    await until(async () => (await fleet?.redis.cli('LLEN', 'q0')) === 12)

    await fleet.kill(victim)
    await Promise.all([...running, ...waiting].map(({ ended }) => ended))
    await Promise.all(others.map(({ ended }) => ended))
    const late = (await fleet.stalledMs()) + Math.max(...(await fleet.stallsOf('worker')))
    for (const { n } of running) {
      const signal = notes(n).find(({ what }) => what === 'signal')
      expect((signal?.at ?? Infinity) - (victim.killedAt ?? 0)).toBeLessThan(CANCELLED_MS + late)
    }
    await load.burst(100, 8)
    await fleet.close()
    for (const { runs } of waiting) expect(runs).toEqual([])
    expect(await fleet.redis.cli('EXISTS', `tempest:mailbox:${victim.boot}`)).toBe(0)
  })
})

const broken = '0 request: socket hang up'
