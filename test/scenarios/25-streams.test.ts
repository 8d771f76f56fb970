/** Streams of known bytes, by the thousand, both ways: whole and right, or visibly not whole; under kills, cuts and restarts as well. */
import { afterEach, expect, test } from '@jest/globals'
import { setTimeout as pause } from 'node:timers/promises'
import { describeWithRedis } from '../helpers/redis'
import { until } from '../helpers/until'
import { type Fleet, type FleetPlan, openFleet } from './fleet'
import { readStreams, tally } from './streamed'

describeWithRedis('streams', () => {
  let fleet: Fleet | undefined
  afterEach(() => fleet?.stop())

  const open = async (name: string, plan: Partial<FleetPlan>): Promise<Fleet> => {
    fleet = await openFleet({ name, workersDie: true, worker: { concurrency: 64 }, ...plan })
    return fleet
  }
  const portsOf = (of: Fleet) => (): number[] => of.living('front').map(({ port }) => port)

  test.each([
    ['through the mailbox', false, false],
    ['over connections of their own', ':0', true],
    ['both ways at once', ':0', false],
  ] as const)('a thousand and more %s are all whole and right', async (name, direct, worker) => {
    const own = await open(name, {
      front: { direct },
      worker: { concurrency: 64, direct: worker },
    })
    if (direct && !worker) await own.start('worker', { options: { direct: true } })
    const ends = await readStreams(portsOf(own), { first: 1, count: 1200, atOnce: 100 })
    expect(tally(ends)).toEqual({ whole: 1200 })
    await own.close()
  })

  test.each([
    ['through the mailbox', false],
    ['over connections of their own', ':0'],
  ] as const)(
    '%s are whole or visibly not while workers are killed: each cut one at once, none wrong',
    async (name, direct) => {
      // What a killed worker had not begun to answer is tried again, however much that is.
      const worker = { concurrency: 64, retryBudget: 1 }
      const own = await open(name, { workers: 3, front: { direct }, worker, patienceMs: 1000 })
      const reading = readStreams(portsOf(own), { first: 5000, count: 300, atOnce: 40, ms: 15 })
      for (let n = 0; n < 4; n++) {
        await pause(300)
        const [victim] = own.living('worker')
        if (victim) await own.kill(victim)
        await own.start('worker')
      }
      const counts = tally(await reading)
      expect(counts['wrong']).toBeUndefined()
      expect(counts['cut']).toBeGreaterThan(0)
      expect(counts['whole']).toBeGreaterThan(100)
      expect((counts['whole'] ?? 0) + (counts['cut'] ?? 0)).toBe(300)
      await own.close()
    },
  )

  test('go on by the mailbox where the listener has gone, without a byte lost or doubled', async () => {
    const own = await open('listener gone', { front: { direct: ':0' } })
    const reading = readStreams(portsOf(own), { first: 9000, count: 60, atOnce: 30, ms: 20 })
    await until(
      async () => Number(fieldOf(await own.living('front')[0]?.stats(), 'connections')) > 3,
    )
    for (let n = 0; n < 5; n++) {
      await pause(60)
      await own.living('front')[0]?.program.ask('cutDirect')
    }
    expect(tally(await reading)).toEqual({ whole: 60 })
    await own.close()
  })
})

function fieldOf(stats: Record<string, unknown> | undefined, name: string): unknown {
  const direct = stats?.['direct']
  return typeof direct === 'object' && direct !== null ? Reflect.get(direct, name) : undefined
}
