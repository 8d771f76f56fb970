/** Jobs that nobody waits for: held until they are handled, whatever dies; tried again later and later; dead at the end. */
import { afterAll, expect, test } from '@jest/globals'
import { createNode, type Node } from '@tempest/protocol'
import { elementsOf, fieldsOf } from '../helpers/json'
import { describeWithRedis } from '../helpers/redis'
import { until } from '../helpers/until'
import { listOf } from '../helpers/watch'
import { type Fleet, type FleetPlan, openFleet } from './fleet'

const dead = '{q0}:dead'

describeWithRedis('a job that was pushed and that nobody waits for', () => {
  const fleets: Fleet[] = []
  const nodes: Node[] = []
  afterAll(async () => {
    await Promise.all(nodes.map((node) => node.stop()))
    await Promise.all(fleets.map((fleet) => fleet.stop()))
  })

  async function open(plan: FleetPlan): Promise<{ fleet: Fleet; node: Node }> {
    const fleet = await openFleet({ fronts: 0, remains: [dead], ...plan })
    const node = createNode({ redis: fleet.redis.url, redisWaitMs: 20_000 })
    fleets.push(fleet)
    nodes.push(node)
    return { fleet, node }
  }

  test.concurrent(
    'is done at least once although workers are killed, and nothing of it is left',
    async () => {
      const { fleet, node } = await open({ name: 'pushes in a kill loop', workers: 3 })
      const names = Array.from({ length: 80 }, (_, i) => `p${i}`)
      // Longer at first, so that what a worker was seen to begin is in its hands still when it is killed.
      const terms = 'first=2000&ms=100'
      const pushes = names.map((name) => node.push('q0', 'note', [{ terms: `n=${name}&${terms}` }]))
      await Promise.all(pushes)
      for (let i = 0; i < 3; i++) {
        const [victim] = fleet.living('worker')
        if (!victim) break
        // It has some in hand.
        await until(() => victim.read().some(({ what }) => what === 'begun'))
        await Promise.all([fleet.kill(victim), fleet.start('worker')])
      }
      const done = (name: string): boolean =>
        fleet.notes(name).some((note) => note.what === 'ended')
      await until(() => names.every(done), 20_000)
      // Of those in hand some were begun twice; otherwise the kills hit nobody.
      const begun = names.map((name) => fleet.notes(name).filter(({ what }) => what === 'begun'))
      expect(begun.filter((runs) => runs.length > 1).length).toBeGreaterThan(0)
      await node.stop()
      await fleet.close()
      await expect(listOf(fleet.redis, dead)).resolves.toEqual([])
    },
  )

  test.concurrent(
    'is tried again later and later when it fails, and ends in the dead list with its history after maxAttempts',
    async () => {
      const { fleet, node } = await open({ name: 'pushes that fail', workers: 2, respawns: true })
      const { redis } = fleet
      await node.push('q0', 'note', [{ terms: 'n=twice&do=throw&times=2' }])
      await node.push('q0', 'note', [{ terms: 'n=always&do=throw' }], { maxAttempts: 2 })
      // Without an object as its first argument there is no place for metadata.
      await node.push('q0', 'note', ['n=bare&do=throw'], { maxAttempts: 2 })
      await node.push('q0', 'note', [{ terms: 'n=deadly&do=kill' }], { maxAttempts: 2 })
      const notes = (name: string, kind: string): number[] =>
        fleet.notes(name).flatMap(({ what, at }) => (what === kind ? [at] : []))
      await until(() => notes('twice', 'ended').length === 1, 15_000)
      const [first = 0, second = 0, third = 0] = notes('twice', 'begun')
      expect(second - first).toBeGreaterThan(900)
      expect(third - second).toBeGreaterThan(1800)

      await until(async () => (await listOf(redis, dead)).length === 3, 15_000)
      const entries = (await listOf(redis, dead)).map((entry) => fieldsOf(JSON.parse(entry)))
      for (const name of ['always', 'bare', 'deadly']) {
        expect(notes(name, 'begun')).toHaveLength(2)
        const entry = entries.find(({ job }) => String(job).includes(`n=${name}&`))
        expect(elementsOf(entry?.history)).toHaveLength(2)
        expect(entry?.reason).toBe(name === 'deadly' ? 'POISONED' : 'HANDLER_FAILED')
      }
      expect(fleet.deaths).toBe(2)
      await node.stop()
      await fleet.close()
    },
  )

  test.concurrent('is not begun before its delay is over, and soon after', async () => {
    const { fleet, node } = await open({ name: 'delayed pushes' })
    const delays = [300, 900, 1500]
    const pushedAt = performance.now()
    for (const delayMs of delays) {
      await node.push('q0', 'note', [{ terms: `n=after${delayMs}` }], { delayMs })
    }
    await until(() => delays.every((delayMs) => fleet.notes(`after${delayMs}`).length > 0))
    const late = Math.max(...(await fleet.stallsOf('worker'))) + (await fleet.stalledMs())
    for (const delayMs of delays) {
      const [begun] = fleet.notes(`after${delayMs}`)
      const after = (begun?.at ?? 0) - pushedAt
      expect(after).toBeGreaterThanOrEqual(delayMs)
      expect(after).toBeLessThan(delayMs + 1500 + late)
    }
    await node.stop()
    await fleet.close()
  })
})
