/** Clients leave, at every stage of their request; those beside them do not notice. */
import { afterAll, expect, test } from '@jest/globals'
import { fieldsOf } from '../helpers/json'
import type { Asking, Wish } from '../helpers/load'
import { describeWithRedis } from '../helpers/redis'
import { until } from '../helpers/until'
import { type Fleet, type FleetPlan, openFleet } from './fleet'
import { percentile } from './recovery'

const MANY = 20
const SIGNAL_MS = 100
const MAX_MS = 60_000

describeWithRedis('a client that leaves', () => {
  const fleets: Fleet[] = []
  afterAll(async () => {
    await Promise.all(fleets.map((fleet) => fleet.stop()))
  })

  async function open(plan: FleetPlan): Promise<Fleet> {
    const fleet = await openFleet(plan)
    fleets.push(fleet)
    return fleet
  }

  function askMany(fleet: Fleet, wish: Wish, count = MANY): Asking[] {
    return Array.from({ length: count }, () => fleet.load.ask(wish))
  }

  async function leave(fleet: Fleet, askings: readonly Asking[]): Promise<void> {
    for (const asking of askings) asking.leave()
    await Promise.all(askings.map(({ ended }) => ended))
    const [front] = fleet.living('front')
    // The front has heard of it.
    await until(async () => (await front?.count('inFlight')) === fleet.load.open)
  }

  function begun(fleet: Fleet, { n }: Asking): boolean {
    return fleet.notes(n).length > 0
  }

  /** How long after its client had left each handler's signal fired. */
  function signalsOf(fleet: Fleet, askings: readonly Asking[]): number[] {
    return askings.map(({ n, sentAt, outcome }) => {
      const signal = fleet.notes(n).find(({ what }) => what === 'signal')
      return (signal?.at ?? Infinity) - (sentAt + (outcome?.ms ?? 0))
    })
  }

  test.concurrent(
    'before its body is whole or its job is in Redis leaves no job, nobody runs it',
    async () => {
      const fleet = await open({ name: 'left before the push' })
      const { load, redis } = fleet
      const [front] = fleet.living('front')
      await load.burst(50, 10)
      const bodies = askMany(fleet, { method: 'POST', body: Buffer.alloc(2000), sentBytes: 10 })
      const neighbours = askMany(fleet, { query: 'ms=300', expected: ['200'] })
      await until(async () => (await front?.count('inFlight')) === 2 * MANY)
      await leave(fleet, bodies)
      await Promise.all(neighbours.map(({ ended }) => ended))

      redis.freeze()
      const frozen = askMany(fleet, { query: 'do=mind&ms=5000' })
      const patient = askMany(fleet, { query: 'ms=20', expected: ['200'] })
      await until(async () => (await front?.count('inFlight')) === 2 * MANY)
      await leave(fleet, frozen)
      redis.thaw()
      await Promise.all(patient.map(({ ended }) => ended))
      await fleet.close()
      for (const { runs } of bodies) expect(runs).toEqual([])
    },
    MAX_MS,
  )

  test.concurrent(
    'while its job waits, or is popped and not begun, is never run; those around it are',
    async () => {
      const fleet = await open({
        name: 'left waiting',
        workersDie: true,
        worker: { concurrency: 8 },
      })
      const { redis } = fleet
      const holders = askMany(fleet, { query: 'ms=2000', expected: ['200'] }, 8)
      await until(() => holders.every((asking) => begun(fleet, asking)))
      const waiting = askMany(fleet, {})
      const neighbours = askMany(fleet, { expected: ['200'] })
      await until(async () => (await redis.cli('LLEN', 'q0')) === 2 * MANY)
      await leave(fleet, waiting)
      await Promise.all(neighbours.map(({ ended }) => ended))

      // Of a worker that died, its jobs are begun one by one: the others wait in the hands of the next.
      const suspects = askMany(fleet, { query: 'ms=400' }, 8)
      await until(() => suspects.every((asking) => begun(fleet, asking)))
      const [victim] = fleet.living('worker')
      if (victim) await fleet.kill(victim)
      const heir = await fleet.start('worker')
      await until(() => heir.read().length > 0 || heir.notes.length > 0)
      await until(async () => (await heir.count('waiting')) > 3)
      const left = suspects.filter(({ n }) => !heir.notes.some((note) => note.n === n)).slice(0, 4)
      await leave(fleet, left)
      await fleet.close()
      for (const { runs } of waiting) expect(runs).toEqual([])
      for (const { n } of left) expect(heir.notes.some((note) => note.n === n)).toBe(false)
      for (const asking of suspects.filter((each) => !left.includes(each))) {
        expect(asking.outcome).toMatchObject({ status: 200, code: '' })
      }
    },
    MAX_MS,
  )

  test.concurrent(
    'while its job runs aborts it within 100 ms; when it is being finished or is answered nothing is left either',
    async () => {
      const fleet = await open({ name: 'left running', workers: 2, worker: { concurrency: 64 } })
      const { load, notes } = fleet
      const [front] = fleet.living('front')
      const programs = [...fleet.living('worker'), ...fleet.living('front')]
      const resources = (): Promise<unknown[]> =>
        Promise.all(programs.map(({ program }) => program.ask('resources')))
      await load.burst(100, 20)
      const listeners = await front?.program.ask('listeners')
      await fleet.settle()
      const before = (await resources()).map(fieldsOf)

      const neighbours = askMany(fleet, { query: 'ms=900', expected: ['200'] })
      const running = askMany(fleet, { query: 'do=mind&ms=20000' }, 2 * MANY)
      await until(() => [...running, ...neighbours].every((asking) => begun(fleet, asking)))
      const stalled = await fleet.stalledMs()
      await leave(fleet, running)
      await until(() => running.every(({ n }) => notes(n).some(({ what }) => what === 'signal')))
      const late = (await fleet.stalledMs()) - stalled
      expect(percentile(signalsOf(fleet, running), 1)).toBeLessThan(SIGNAL_MS + late)

      // Just when the handler returns, when the answer is on its way, and when it has just arrived.
      const finishing = Array.from({ length: 4 * MANY }, (_, i) => {
        const asking = load.ask({ query: 'ms=50' })
        setTimeout(() => asking.leave(), 44 + i / 5)
        return asking
      })
      const answered = askMany(fleet, { expected: ['200'] })
      for (const asking of answered) void asking.ended.then(() => asking.leave())
      await Promise.all([...finishing, ...answered, ...neighbours].map(({ ended }) => ended))
      expect(await fleet.settle()).toEqual([])
      await load.burst(50, 20)
      // Between two of its beats one has a timer more or less.
      const timersOf = (each: { timers?: unknown } | undefined): number => Number(each?.timers)
      const after = await until(async () => {
        const now = (await resources()).map(fieldsOf)
        return before.every((was, i) => timersOf(now[i]) <= timersOf(was)) ? now : undefined
      })
      expect(after.map(({ warnings }) => warnings)).toEqual(before.map(() => 0))
      expect(await front?.program.ask('listeners')).toBe(listeners)
      await fleet.close()
    },
    MAX_MS,
  )
})
