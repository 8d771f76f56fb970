/** One machine is cut off from Redis one way, for longer than its patience, and is joined again. */
import { afterAll, expect, test } from '@jest/globals'
import { type Cut, type Proxy, startProxy } from '../helpers/proxy'
import { describeWithRedis } from '../helpers/redis'
import { until } from '../helpers/until'
import { elementsOf } from '../helpers/json'
import { type Fleet, type FleetPlan, openFleet } from './fleet'

const lost = '502 WORKER_LOST'
const ways: readonly Cut[] = ['to-redis', 'from-redis', 'both']

describeWithRedis('one that is cut off past its patience', () => {
  const fleets: Fleet[] = []
  const proxies: Proxy[] = []
  afterAll(async () => {
    await Promise.all(fleets.map((fleet) => fleet.stop()))
    await Promise.all(proxies.map((proxy) => proxy.stop()))
  })

  async function open(plan: FleetPlan): Promise<{ fleet: Fleet; proxy: Proxy }> {
    const fleet = await openFleet(plan)
    const proxy = await startProxy(fleet.redis.port)
    fleets.push(fleet)
    proxies.push(proxy)
    return { fleet, proxy }
  }

  async function isSwept(fleet: Fleet, boot: string): Promise<boolean> {
    return !elementsOf(await fleet.redis.cli('HKEYS', 'tempest:nodes')).includes(boot)
  }

  function cutOff(proxy: Proxy, way: Cut): void {
    proxy.cut(way)
    proxy.swallow(way)
  }

  test.concurrent.each(ways)(
    'a worker, %s: its jobs move on, each ends once, and it comes back whole',
    async (way) => {
      const { fleet, proxy } = await open({
        name: `worker cut off ${way}`,
        workers: 0,
        workersDie: true,
      })
      const { load, notes } = fleet
      const cut = await fleet.start('worker', { redis: proxy.url })
      const query = 'ms=1200'
      const gets = Array.from({ length: 4 }, () => load.ask({ query, expected: ['200'] }))
      const posts = Array.from({ length: 4 }, () =>
        load.ask({ query, method: 'POST', expected: ['200', lost] }),
      )
      const all = [...gets, ...posts]
      await until(() => all.every(({ n }) => notes(n).length > 0))
      await fleet.start('worker')
      cutOff(proxy, way)
      await Promise.all(all.map(({ ended }) => ended))
      await load.burst(20, 4)
      await until(() => isSwept(fleet, cut.boot), 15_000)
      proxy.restore()
      expect(await fleet.settle()).toEqual([])
      const before = await cut.count('answered')
      await until(async () => {
        await load.burst(20, 10)
        return (await cut.count('answered')) > before
      }, 15_000)
      await fleet.close()
    },
  )

  test.concurrent.each(ways)(
    'a front, %s: what it has open ends in time, and it serves again',
    async (way) => {
      const plan = {
        deadlineMs: 10_000,
        postDeadlineMs: 6000,
        postsMayFail: true,
        workersDie: true,
      }
      const { fleet, proxy } = await open({ name: `front cut off ${way}`, fronts: 0, ...plan })
      const { load, notes } = fleet
      const cut = await fleet.start('front', { redis: proxy.url })
      const { port } = cut
      const query = 'ms=800'
      const expected = ['200', lost, '504 DEADLINE']
      const open6 = Array.from({ length: 6 }, (_, i) =>
        load.ask({ port, query, method: i % 2 ? 'GET' : 'POST', expected }),
      )
      await until(() => open6.every(({ n }) => notes(n).length > 0))
      cutOff(proxy, way)
      await until(() => isSwept(fleet, cut.boot), 15_000)
      proxy.restore()
      await Promise.all(open6.map(({ ended }) => ended))
      // Those that may be retried had time enough.
      for (const { method, outcome } of open6)
        if (method === 'GET') expect(outcome?.status).toBe(200)
      const fresh = Array.from({ length: 20 }, () => load.ask({ port, expected: ['200'] }))
      await Promise.all(fresh.map(({ ended }) => ended))
      await fleet.close()
    },
  )
})
