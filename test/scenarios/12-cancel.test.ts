/** Clients leave, at every stage of their request; those beside them do not notice. */
import { afterAll, expect, test } from '@jest/globals'
import { fieldsOf } from '../helpers/json'
import type { Asking, Wish } from '../helpers/load'
import { describeWithRedis } from '../helpers/redis'
import { until } from '../helpers/until'
import { listOf } from '../helpers/watch'
import { type Fleet, type FleetPlan, openFleet } from './fleet'
import { percentile } from './recovery'

const MANY = 20
const SLOTS = 16
const SIGNAL_MS = 100
/** Nobody dies there, whoever stands still for a moment. */
const PATIENT_MS = 10_000

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

  /** The front has seen all that was asked so far, whether it is open still or not. */
  async function arrived(fleet: Fleet): Promise<void> {
    const [front] = fleet.living('front')
    await until(async () => (await front?.count('requests')) === fleet.load.asked.length)
  }

  function begun(fleet: Fleet, { n }: Asking): boolean {
    return fleet.notes(n).length > 0
  }

  /** Of all who pass on that a client has left. */
  async function allStalls(fleet: Fleet): Promise<number> {
    const ofWorkers = await fleet.stallsOf('worker')
    return ofWorkers.reduce((sum, each) => sum + each, await fleet.stalledMs())
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
      const fleet = await open({ name: 'left before the push', patienceMs: PATIENT_MS })
      const { load, redis } = fleet
      await load.burst(50, 10)
      const bodies = askMany(fleet, { method: 'POST', body: Buffer.alloc(2000), sentBytes: 10 })
      const neighbours = askMany(fleet, { query: 'ms=300', expected: ['200'] })
      await arrived(fleet)
      await leave(fleet, bodies)
      await Promise.all(neighbours.map(({ ended }) => ended))

      redis.freeze()
      const frozen = askMany(fleet, { query: 'do=mind&ms=5000' })
      const patient = askMany(fleet, { query: 'ms=20', expected: ['200'] })
      await arrived(fleet)
      await leave(fleet, frozen)
      redis.thaw()
      await Promise.all(patient.map(({ ended }) => ended))
      await fleet.close()
      for (const { runs } of bodies) expect(runs).toEqual([])
    },
  )

  test.concurrent(
    'while its job waits, or is popped and not begun, is never run; those around it are',
    async () => {
      const fleet = await open({
        name: 'left waiting',
        workersDie: true,
        worker: { concurrency: SLOTS },
      })
      const { redis } = fleet
      const holders = askMany(fleet, { query: 'ms=4000', expected: ['200'] }, SLOTS)
      await until(() => holders.every((asking) => begun(fleet, asking)))
      const waiting = askMany(fleet, {})
      const neighbours = askMany(fleet, { expected: ['200'] })
      await until(async () => (await redis.cli('LLEN', 'q0')) === 2 * MANY)
      await leave(fleet, waiting)
      await Promise.all(neighbours.map(({ ended }) => ended))

      // Of a worker that died, its jobs are begun one by one, each a quarter of a second after the one before: the others wait in
      // the hands of the next. The last of them have seconds.
      const suspects = askMany(fleet, { query: 'first=15000&ms=400' }, SLOTS)
      await until(() => suspects.every((asking) => begun(fleet, asking)))
      const [victim] = fleet.living('worker')
      if (victim) await fleet.kill(victim)
      const heir = await fleet.start('worker')
      await until(() => heir.read().length > 0 || heir.notes.length > 0)
      await until(async () => (await heir.count('waiting')) > 3)
      const held = (await listOf(redis, `{q0}:held:${heir.boot}`)).slice(-4)
      const left = suspects.filter(({ n }) => held.some((job) => job.includes(`/r?n=${n}&`)))
      expect(left).toHaveLength(4)
      await leave(fleet, left)
      await fleet.close()
      for (const { runs } of waiting) expect(runs).toEqual([])
      for (const { n } of left) expect(heir.notes.some((note) => note.n === n)).toBe(false)
      for (const asking of suspects.filter((each) => !left.includes(each))) {
        expect(asking.outcome).toMatchObject({ status: 200, code: '' })
      }
    },
  )

  test.concurrent(
    'while its job runs aborts it within 100 ms; when it is being finished or is answered nothing is left either',
    async () => {
      const fleet = await open({
        ...{ name: 'left running', workers: 2, patienceMs: PATIENT_MS },
        worker: { concurrency: 64 },
      })
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
      const stalled = await allStalls(fleet)
      await leave(fleet, running)
      await until(() => running.every(({ n }) => notes(n).some(({ what }) => what === 'signal')))
      const late = (await allStalls(fleet)) - stalled
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
      // What the last answer had added is taken off a moment after it has arrived.
      await until(async () => (await front?.program.ask('listeners')) === listeners)
      await fleet.close()
    },
  )
})
