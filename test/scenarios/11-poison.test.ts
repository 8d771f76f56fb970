/** Requests that kill the worker that runs them, with innocent ones beside them. */
import { afterAll, expect, test } from '@jest/globals'
import { elementsOf, fieldsOf } from '../helpers/json'
import { describeWithRedis } from '../helpers/redis'
import { until } from '../helpers/until'
import { listOf } from '../helpers/watch'
import { type Fleet, type FleetPlan, openFleet } from './fleet'

const lost = '502 WORKER_LOST'
const dead = '{q0}:dead'

describeWithRedis('a request that kills its worker', () => {
  const fleets: Fleet[] = []
  afterAll(async () => {
    await Promise.all(fleets.map((fleet) => fleet.stop()))
  })

  async function open(plan: FleetPlan): Promise<Fleet> {
    const own = {
      deadlineMs: 30_000,
      servedMs: 30_000,
      workersDie: true,
      maxAttempts: 3,
      respawns: true,
      remains: [dead],
    }
    const fleet = await openFleet({ ...own, ...plan })
    fleets.push(fleet)
    return fleet
  }

  test.concurrent(
    'ends in 502 and in the dead list with its history after three workers; those beside it are served',
    async () => {
      const fleet = await open({ name: 'poison', workers: 4, maxMs: 200 })
      const { load, redis } = fleet
      load.start(60)
      const poison = load.ask({ query: 'do=kill', expected: [lost] })
      await poison.ended
      await load.finish()
      // We may hear of the last one later than its client.
      await until(() => fleet.deaths >= 3)
      expect(fleet.deaths).toBe(3)
      const entries = (await listOf(redis, dead)).map((entry) => fieldsOf(JSON.parse(entry)))
      expect(entries).toHaveLength(1)
      expect(entries[0]?.reason).toBe('POISONED')
      expect(entries[0]?.job).toContain(`"/r?n=${poison.n}&`)
      const strikes = elementsOf(entries[0]?.history).map(fieldsOf)
      expect(strikes.map(({ attempt }) => attempt)).toEqual([1, 2, 3])
      expect(new Set(strikes.map(({ boot }) => boot)).size).toBe(3)
      await fleet.close()
      expect(poison.runs.sort()).toEqual([1, 2, 3])
    },
  )

  test.concurrent(
    'and has many like it costs no more workers than the retry budget allows',
    async () => {
      const POISONS = 12
      const SLOTS = 2
      const plan = { name: 'many poisons', workers: 3, worker: { concurrency: SLOTS } }
      const fleet = await open(plan)
      const startedAt = performance.now()
      const poisons = Array.from({ length: POISONS }, () =>
        fleet.load.ask({ query: 'do=kill', expected: [lost] }),
      )
      await Promise.all(poisons.map(({ ended }) => ended))
      // What the budget holds without other traffic: as many as one worker's slots, each 10 s.
      const allowed = SLOTS * (1 + (performance.now() - startedAt) / 10_000)
      await fleet.close()
      const again = poisons.reduce((sum, { runs }) => sum + Math.max(runs.length - 1, 0), 0)
      expect(again).toBeLessThanOrEqual(allowed)
      expect(fleet.deaths).toBeLessThanOrEqual(POISONS + allowed)
      // One that got every attempt the budget had may have ended there.
      expect((await listOf(fleet.redis, dead)).length).toBeLessThanOrEqual(allowed / 2)
    },
  )
})
