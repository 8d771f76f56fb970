/**
 * Where scenarios of deaths play: one real Redis, one queue, and fronts and workers in a process each, that come and go. The
 * account knows every request; journals know every run, also those of workers that were killed. What every scenario must
 * show at its end is `close`: the account is right, nothing is left anywhere, SIGTERM ends whoever still lives.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Note } from '../helpers/journal'
import { createLoad, type Load } from '../helpers/load'
import { endPrograms } from '../helpers/programs/start'
import { startServer, type TestRedis } from '../helpers/server'
import { startStallMeter } from '../helpers/stall'
import { accountOf, complaintsOf, type Rules } from './account'
import type { FleetPlan } from './fleet-plan'
import { HandsLog } from './hands'
import { recoveriesOf, summaryOf } from './recovery'
import { missingOf, remainsOf, untilNone } from './remains'
import { type Role, startUnit, type Unit, unfinishedOf, type UnitOptions } from './unit'

export type { FleetPlan } from './fleet-plan'

export interface Fleet {
  readonly redis: TestRedis
  /** Where each request goes: to the fronts that live, in turn. */
  readonly load: Load
  /** All there ever were. */
  readonly units: readonly Unit[]
  /** How many workers have died unasked. */
  readonly deaths: number
  /** Those of a role that live. */
  living(role: Role): Unit[]
  start(role: Role, options?: Partial<UnitOptions>): Promise<Unit>
  /** kill -9. Resolves when it is dead, and what it had in hand is noted. */
  kill(unit: Unit): Promise<void>
  /** SIGSTOP, and SIGCONT after so many ms. What it had in hand is noted. */
  pause(unit: Unit, ms: number): Promise<void>
  /** SIGTERM; a complaint where it does not end by itself. */
  end(unit: Unit): Promise<void>
  /** How long, in ms, a front or the load generator had no core. */
  stalledMs(): Promise<number>
  /** How long each of a role that live had none. */
  stallsOf(role: Role): Promise<number[]>
  /** Reads the journals. @returns what was noted of a request, or of a job by its name, in the order of time. */
  notes(name: number | string): Note[]
  /** From a kill or pause to the end of what was in hand; for closed loads. */
  recoveries(): ReturnType<typeof recoveriesOf>
  /** Resolves when nothing is asked, begun or left any more; else what is, after some seconds. */
  settle(): Promise<string[]>
  /** A load of its own takes the place of the last one, which is over. */
  renew(): Load
  /** All that is wrong with the load, which is over. */
  complaints(): Promise<string[]>
  /** Ends the load and checks everything. @throws with the whole account. */
  close(): Promise<void>
  /** Ends whatever still runs; for afterAll. */
  stop(): Promise<void>
}

const END_MS = 10_000
/** Nothing is refused because it would have to wait: that is another scenario's. */
const PATIENT_MS = 600_000

export async function openFleet(plan: FleetPlan): Promise<Fleet> {
  const meter = startStallMeter()
  const folder = mkdtempSync(join(tmpdir(), 'tempest-fleet-'))
  const redis = await startServer(plan.server ?? {})
  const units: Unit[] = []
  /** Those that take the place of dead ones, until they are units themselves. */
  const starting = new Set<Promise<unknown>>()
  const hands = new HandsLog(redis)
  const ended: string[] = []
  const deadPorts = new Set<number>()
  const deadBoots = new Set<string>()
  const rules: Rules = Object.assign(plan, { deadPorts, deadBoots })
  let turn = 0
  let deaths = 0
  let stopped = false
  let first = 0
  let load = createLoad(nextPort, plan)

  function nextPort(): number {
    const ports = living('front').map(({ port }) => port)
    return ports[turn++ % ports.length] ?? 0
  }

  function living(role: Role): Unit[] {
    return units.filter((unit) => unit.role === role && unit.killedAt === undefined)
  }

  async function start(role: Role, given: Partial<UnitOptions> = {}): Promise<Unit> {
    const { patienceMs = 1000, maxAttempts = 20, deadlineMs = 20_000, postDeadlineMs } = plan
    const own = { worker: plan.worker, front: plan.front, plain: {} }[role]
    const unit = await startUnit(role, folder, {
      redis: redis.url,
      ...given,
      options: { patienceMs, ...own, ...given.options },
      work: { deadlineMs, postDeadlineMs, maxAttempts, maxWaitMs: PATIENT_MS, ...given.work },
    })
    units.push(unit)
    void unit.program.ended.then(() => {
      if (unit.killedAt !== undefined || stopped) return
      unit.killedAt = performance.now()
      deadBoots.add(unit.boot)
      deaths++
      void hands.note(unit, 'kill', unit.killedAt)
      if (!plan.respawns) return
      const again = start(role, given)
        .catch((error: unknown) => ended.push(String(error)))
        .finally(() => starting.delete(again))
      starting.add(again)
    })
    return unit
  }

  function collect(): void {
    for (const unit of units) {
      for (const { what, n, attempt, at } of unit.read()) {
        if (what === 'begun' && n >= 0) load.ran(n, attempt, at, unit.boot)
      }
    }
  }

  async function end(unit: Unit): Promise<void> {
    const late = setTimeout(() => unit.program.signal('SIGKILL'), END_MS)
    unit.killedAt = performance.now()
    const code = await unit.program.end()
    clearTimeout(late)
    if (code !== 0) ended.push(`SIGTERM ended the ${unit.role} ${unit.boot} with ${code}`)
  }

  async function remaining(): Promise<string[]> {
    const nodes = [...living('front'), ...living('worker')]
    const stats = nodes.map(({ boot }) => ({ boot }))
    const left = [await remainsOf(redis, stats, plan.remains), await missingOf(redis, stats)]
    return [...left, ...(await Promise.all(nodes.map(unfinishedOf)))].flat()
  }

  async function stallsOf(role: Role): Promise<number[]> {
    return Promise.all(
      living(role).map(async ({ program }) => Number(await program.ask('stalled'))),
    )
  }

  async function stalledMs(): Promise<number> {
    return meter.stalledMs + Math.max(0, ...(await stallsOf('front')))
  }

  const fleet: Fleet = {
    redis,
    units,
    get deaths() {
      return deaths
    },
    get load() {
      return load
    },
    living,
    start,
    async kill(unit) {
      unit.program.signal('SIGKILL')
      unit.killedAt = performance.now()
      if (unit.role === 'front') deadPorts.add(unit.port)
      deadBoots.add(unit.boot)
      await unit.program.ended
      if (unit.role !== 'worker') return
      collect()
      await hands.note(unit, 'kill', unit.killedAt)
    },
    async pause(unit, ms) {
      unit.program.signal('SIGSTOP')
      const over = pause(ms)
      await hands.note(unit, 'pause', performance.now())
      await over
      unit.program.signal('SIGCONT')
    },
    end,
    stalledMs,
    stallsOf,
    notes(name) {
      collect()
      const mine = units.flatMap(({ notes }) => notes.filter((note) => note.name === String(name)))
      return mine.sort((a, b) => a.at - b.at)
    },
    recoveries: () => recoveriesOf(hands.all, load.asked),
    settle: () => untilNone(remaining),
    renew() {
      collect()
      load.abort()
      hands.all = []
      for (const unit of units.splice(0)) {
        unit.notes.length = 0
        if (unit.killedAt === undefined) units.push(unit)
      }
      first += load.asked.length
      load = createLoad(nextPort, { ...plan, first })
      return load
    },
    async complaints() {
      collect()
      return complaintsOf(rules, load.asked, await stalledMs())
    },
    async close() {
      await load.finish()
      await Promise.all(starting)
      const left = await fleet.settle()
      const late = await stalledMs()
      const complaints = [...(await fleet.complaints()), ...left.map((what) => `left: ${what}`)]
      const stats = await Promise.all(
        [...living('front'), ...living('worker')].map((u) => u.stats()),
      )
      await Promise.all(units.filter(({ killedAt }) => killedAt === undefined).map(end))
      complaints.push(...ended)
      const last = await untilNone(() => remainsOf(redis, [], plan.remains))
      complaints.push(...last.map((what) => `at the end: ${what}`))
      const { answered, told } = fleet.recoveries()
      const account = [
        accountOf(rules, load.asked),
        summaryOf('answered after a kill', answered),
        summaryOf('told after a kill', told),
        `without a core: ${Math.round(late)} ms`,
      ].join('\n')
      if (process.env.TEMPEST_SCENARIO_ACCOUNT !== undefined) console.log(account)
      if (complaints.length === 0) return
      const told40 = [...complaints.slice(0, 40), `(${complaints.length} in all)`].join('\n')
      throw new Error(`${told40}\n\n${account}\n\n${JSON.stringify(stats)}`)
    },
    async stop() {
      stopped = true
      meter.stop()
      load.abort()
      await endPrograms()
      await redis.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }

  const { fronts = 1, workers = 1 } = plan
  const many = (count: number, role: Role): Promise<Unit>[] =>
    Array.from({ length: count }, () => start(role))
  await Promise.all([...many(fronts, 'front'), ...many(workers, 'worker')])
  return fleet
}
