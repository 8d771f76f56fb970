/** Processes that stop for longer than their patience, are given up, and come back as if nothing had been. */
import { afterAll, expect, test } from '@jest/globals'
import { elementsOf, fieldsOf } from '../helpers/json'
import { answerOf } from '../helpers/asked'
import type { Asking } from '../helpers/load'
import { describeWithRedis } from '../helpers/redis'
import { until } from '../helpers/until'
import { type Fleet, openFleet } from './fleet'
import type { Unit } from './unit'

const lost = '502 WORKER_LOST'

describeWithRedis('one that is paused past its patience', () => {
  const fleets: Fleet[] = []
  afterAll(async () => {
    await Promise.all(fleets.map((fleet) => fleet.stop()))
  })

  async function open(...args: Parameters<typeof openFleet>): Promise<Fleet> {
    const fleet = await openFleet(...args)
    fleets.push(fleet)
    return fleet
  }

  async function refusals(front: Unit | undefined): Promise<number> {
    const counts = fieldsOf((await front?.stats())?.refusals)
    return Object.values(counts).reduce<number>((sum, count) => sum + Number(count), 0)
  }

  test.concurrent(
    'a worker: its jobs are answered by another or end in 502, its late answers are refused, and it comes back whole',
    async () => {
      const fleet = await open({ name: 'worker zombie' })
      const { load, notes } = fleet
      const [zombie] = fleet.living('worker')
      const [front] = fleet.living('front')
      if (!zombie) throw new Error('no worker')
      // When it goes on their time is over, and its answers leave before it hears of anything.
      const query = 'ms=2000'
      const gets = Array.from({ length: 4 }, () => load.ask({ query, expected: ['200'] }))
      const posts = Array.from({ length: 4 }, () =>
        load.ask({ query, method: 'POST', expected: [lost] }),
      )
      const all = [...gets, ...posts]
      await until(() => all.every(({ n }) => notes(n).length > 0))
      zombie.program.signal('SIGSTOP')
      const other = await fleet.start('worker')
      await Promise.all(all.map(({ ended }) => ended))
      expect(all.filter(({ n }) => notes(n).some(({ what }) => what === 'ended'))).toEqual(gets)
      expect(await refusals(front)).toBe(0)

      zombie.program.signal('SIGCONT')
      await until(async () => (await refusals(front)) > 0, 15_000)
      expect(await fleet.settle()).toEqual([])
      // Nobody else is there to serve what comes now.
      await fleet.end(other)
      const before = await zombie.count('answered')
      await load.burst(50, 8)
      expect((await zombie.count('answered')) - before).toBeGreaterThanOrEqual(50)
      await fleet.close()
    },
  )

  test.concurrent(
    'a program that answers and then streams, late and by hand: refused and counted, the client reads one response',
    async () => {
      const fleet = await open({ name: 'late by hand', workers: 0 })
      const { load, redis } = fleet
      const [front] = fleet.living('front')
      const asking = load.ask({})
      const client = redis.client()
      const [, raw] = elementsOf(await client.blpop('q0', 10))
      const [, , mailbox, id] = elementsOf(JSON.parse(String(raw)))
      const push = (...entry: unknown[]): Promise<number> =>
        client.rpush(String(mailbox), JSON.stringify(entry))
      // An attempt that was never made, and verbs of a stream nobody has begun.
      await push('head', `${String(id)}.2`, [200, {}], null)
      await push('chunk', `${String(id)}.2`, 'not this', 0)
      await until(async () => (await refusals(front)) === 2)
      const result = [200, {}, { base64: answerOf(asking).toString('base64') }]
      load.ran(asking.n, 1)
      await push('answer', id, result)
      await asking.ended
      await push('answer', id, [200, {}, 'nor this'])
      await push('head', id, [200, {}], null)
      await push('chunk', id, 'nor this', 0)
      await push('end', id, 1)
      await push('fail', id, { message: 'nor this' })
      await push('lost', id, { final: true, code: 'WORKER_LOST' })
      await until(async () => (await refusals(front)) === 8)
      await fleet.close()
    },
  )

  test.concurrent(
    'a front: when it goes on its open requests end, those that may be retried with 200, and it serves new ones',
    async () => {
      const fleet = await open({ name: 'front zombie', fronts: 2, worker: { concurrency: 16 } })
      const { load, notes } = fleet
      const [zombie] = fleet.living('front')
      if (!zombie) throw new Error('no front')
      const { port } = zombie
      const askSix = (query: string): Asking[] =>
        Array.from({ length: 6 }, (_, i) =>
          i % 2
            ? load.ask({ port, query, expected: ['200'] })
            : load.ask({ port, query, method: 'POST', expected: ['200', lost] }),
        )
      // Back before those who work for it are told to stop.
      const brief = askSix('do=mind&ms=1200')
      await until(() => brief.every(({ n }) => notes(n).length > 0))
      zombie.program.signal('SIGSTOP')
      await until(async () => {
        const nodes = elementsOf(await fleet.redis.cli('HKEYS', 'tempest:nodes'))
        return !nodes.includes(zombie.boot)
      })
      zombie.program.signal('SIGCONT')
      await Promise.all(brief.map(({ ended }) => ended))
      for (const { outcome } of brief) expect(outcome?.status).toBe(200)

      const long = askSix('do=mind&first=15000&ms=100')
      await until(() => long.every(({ n }) => notes(n).length > 0))
      zombie.program.signal('SIGSTOP')
      await until(
        () => long.every(({ n }) => notes(n).some(({ what }) => what === 'signal')),
        10_000,
      )
      zombie.program.signal('SIGCONT')
      await Promise.all(long.map(({ ended }) => ended))
      const fresh = Array.from({ length: 30 }, () => load.ask({ port, expected: ['200'] }))
      await Promise.all(fresh.map(({ ended }) => ended))
      await fleet.close()
    },
  )
})
