/** Redis dies and comes back with all, some or none of its data; stalls; drops connections; is full. Under load. */
import { afterAll, expect, test } from '@jest/globals'
import { setTimeout as pause } from 'node:timers/promises'
import { elementsOf } from '../helpers/json'
import { describeWithRedis, type TestRedis } from '../helpers/redis'
import { until } from '../helpers/until'
import { type Fleet, type FleetPlan, openFleet } from './fleet'

describeWithRedis('a Redis that fails', () => {
  const fleets: Fleet[] = []
  afterAll(async () => {
    await Promise.all(fleets.map((fleet) => fleet.stop()))
  })

  /** Two workers, a load, the fault in its middle; then whoever comes anew is served. */
  async function play(
    plan: FleetPlan,
    fault: (redis: TestRedis, fleet: Fleet) => Promise<void>,
  ): Promise<Fleet> {
    const fleet = await openFleet({ workers: 2, maxMs: 250, workersDie: true, ...plan })
    fleets.push(fleet)
    fleet.load.start(40)
    await pause(400)
    await fault(fleet.redis, fleet)
    await pause(300)
    fleet.load.start(0)
    await until(() => fleet.load.open === 0, 30_000)
    const fresh = Array.from({ length: 40 }, (_, i) =>
      fleet.load.ask({ method: i % 2 ? 'GET' : 'POST', expected: ['200'] }),
    )
    await Promise.all(fresh.map(({ ended }) => ended))
    await fleet.close()
    return fleet
  }

  async function restart(redis: TestRedis): Promise<void> {
    await redis.kill()
    await pause(300)
    await redis.start()
    await pause(1200)
  }

  const lossy = { postsMayFail: true, postDeadlineMs: 6000 }
  /** As by default: where nobody may be given up, one that stands still for a second is not. */
  const patient = { ...lossy, patienceMs: 2500 }

  test.concurrent(
    'and comes back empty: what may be retried is served all the same, nothing else runs twice, nobody stays deaf',
    async () => {
      await play({ name: 'restarted, kept nothing', ...lossy }, restart)
    },
  )

  test.concurrent(
    'and comes back from a snapshot: what had been run since is not run again',
    async () => {
      const plan = { name: 'restarted from a snapshot', ...lossy, worker: { concurrency: 4 } }
      await play(plan, async (redis, fleet) => {
        // Some wait in the queue, some are in hand, and all of them are done before it dies.
        const old = Array.from({ length: 60 }, (_, i) =>
          fleet.load.ask({ method: i % 2 ? 'GET' : 'POST', query: 'ms=300' }),
        )
        await until(async () => Number(await redis.cli('LLEN', 'q0')) > 2)
        await redis.cli('SAVE')
        await Promise.all(old.map(({ ended }) => ended))
        await restart(redis)
      })
    },
  )

  test.concurrent(
    'and comes back from its append-only file: the same, and what was in it goes on',
    async () => {
      const server = { args: ['--appendonly', 'yes', '--appendfsync', 'always'] }
      await play({ name: 'restarted with AOF', ...lossy, server }, restart)
    },
  )

  test.concurrent(
    'and stands still for 5 s: nobody is given up, each request ends once',
    async () => {
      await play({ ...patient, name: 'stalled for 5 s', postDeadlineMs: 9000 }, async (redis) => {
        const boots = await until(async () => {
          const all = elementsOf(await redis.cli('HKEYS', 'tempest:nodes')).map(String)
          return all.length === 3 && all
        })
        redis.freeze()
        await pause(5000)
        redis.thaw()
        await pause(4000)
        expect(await redis.cli('HKEYS', 'tempest:nodes')).toEqual(expect.arrayContaining(boots))
        expect(await redis.cli('EXISTS', 'tempest:gone')).toBe(0)
      })
    },
  )

  test.concurrent(
    'and closes each kind of connection in turn: nobody stays deaf, nobody is given up',
    async () => {
      await play({ ...patient, name: 'each kind of connection', workers: 1 }, async (redis) => {
        const kinds = new Set<string>()
        for (let round = 0; round < 2; round++) {
          for (const [kind, ids] of await connectionsOf(redis)) {
            kinds.add(kind)
            for (const id of ids) await redis.cli('CLIENT', 'KILL', 'ID', id)
            await pause(250)
          }
        }
        expect([...kinds].sort()).toEqual(['beat', 'commands', 'listen', 'mailbox', 'park:q0'])
        await pause(4000)
        expect(await redis.cli('EXISTS', 'tempest:gone')).toBe(0)
      })
    },
  )

  test.concurrent(
    'and is full: what is in hand is answered, the rest is refused at once, nobody is given up',
    async () => {
      const plan = { name: 'full memory', mayBeFull: true, workers: 1, patienceMs: 2500 }
      const fleet = await play(plan, async (redis) => {
        await redis.cli('CONFIG', 'SET', 'maxmemory', '1mb')
        await pause(4000)
        expect(await redis.cli('EXISTS', 'tempest:gone')).toBe(0)
        await redis.cli('CONFIG', 'SET', 'maxmemory', '0')
      })
      const refused = fleet.load.asked.filter(({ outcome }) => outcome?.status === 503)
      expect(refused.length).toBeGreaterThan(40)
      const late = await fleet.stalledMs()
      for (const { outcome } of refused) expect(outcome?.ms).toBeLessThan(1000 + late)
    },
  )
})

/** The ids of our connections by what they are for, which stands at the end of their name. */
async function connectionsOf(redis: TestRedis): Promise<Map<string, string[]>> {
  const kinds = new Map<string, string[]>()
  for (const line of String(await redis.cli('CLIENT', 'LIST')).split('\n')) {
    const [, id = '', kind] = /^id=(\d+).* name=tempest:\w+:(\S+)/.exec(line) ?? []
    if (kind !== undefined) kinds.set(kind, [...(kinds.get(kind) ?? []), id])
  }
  return kinds
}
