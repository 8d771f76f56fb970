/**
 * A fleet and its rounds: a load and jobs nobody waits for, some seconds of trouble, and a quiet moment in which every request
 * is accounted for, and memory and keys are read.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { createNode, type Node } from '@tempest/protocol'
import { fieldsOf } from '../helpers/json'
import { until } from '../helpers/until'
import { listOf } from '../helpers/watch'
import { type Fleet, type FleetPlan, openFleet } from '../scenarios/fleet'
import type { Unit } from '../scenarios/unit'
import { slopeOf, Tally } from './tally'
import {
  cutConnections,
  killFronts,
  killWorkers,
  leaveEarly,
  pauseWorkers,
  poison,
  restartRedis,
  stallRedis,
  type Trouble,
} from './troubles'

/** Each round one of these, in turn. */
const mixes: readonly (readonly Trouble[])[] = [
  [killWorkers, leaveEarly, stallRedis],
  [killWorkers, killFronts, poison],
  [pauseWorkers, leaveEarly, poison],
  [killWorkers, pauseWorkers, killFronts, leaveEarly],
  [cutConnections, leaveEarly],
  [killWorkers, restartRedis],
  [pauseWorkers, killFronts, stallRedis],
]
const redisTroubles: readonly Trouble[] = [stallRedis, cutConnections, restartRedis]
const dead = '{q1}:dead'
const QUIET_MS = 60_000
/** The pace of the load, not a wait for anything. */
const PUSH_EVERY_MS = 100

type Sample = [minute: number, value: number]

export class Soak {
  readonly tally = new Tally()
  /** Whether it makes sense to go on. */
  sound = true
  readonly #fleet: Fleet
  readonly #plan: FleetPlan
  readonly #node: Node
  readonly #rate: number
  readonly #startedAt = performance.now()
  /** KiB of the front and the worker that live through all of it, and how many keys Redis has. */
  readonly #samples = new Map<string, Sample[]>()

  private constructor(fleet: Fleet, plan: FleetPlan, rate: number) {
    this.#fleet = fleet
    this.#plan = plan
    this.#rate = rate
    this.#node = createNode({ redis: fleet.redis.url, redisWaitMs: 20_000 })
  }

  static async open(rate: number): Promise<Soak> {
    const plan: FleetPlan = {
      name: 'soak',
      fronts: 0,
      workers: 0,
      patienceMs: 2500,
      maxMs: 200,
      workersDie: true,
      respawns: true,
      remains: [dead],
      servedMs: 20_000,
      postDeadlineMs: 9000,
      // Strict priorities would starve the low ones while workers are few, as they promise.
      // What is not tried again because the budget is spent is another scenario's.
      worker: { retryBudget: 100, concurrency: 16, order: { high: 4, normal: 4, low: 2 } },
      server: { args: ['--appendonly', 'yes', '--appendfsync', 'always'] },
    }
    const fleet = await openFleet(plan)
    const flags = ['--expose-gc']
    await fleet.start('front', { flags })
    await fleet.start('worker', { flags })
    await fleet.start('front', { queue: 'q1' })
    await fleet.start('front')
    const queues = ['q0', 'q1']
    await Promise.all([0, 1, 2, 3].map(() => fleet.start('worker', { queues })))
    return new Soak(fleet, plan, rate)
  }

  async round(ms: number): Promise<void> {
    const { tally } = this
    const fleet = this.#fleet
    const [front, risky] = fleet.living('front')
    const [worker] = fleet.living('worker')
    if (!front || !risky || !worker) throw new Error('a process that nobody killed is gone')
    const troubles = mixes[tally.rounds++ % mixes.length] ?? []
    this.#plan.postsMayFail = troubles.some((trouble) => redisTroubles.includes(trouble))
    const endAt = performance.now() + ms
    const spared = new Set([front, risky, worker])
    fleet.load.start(this.#rate)
    const pushes = this.#push(endAt)
    await Promise.all(troubles.map((trouble) => trouble({ fleet, tally, endAt, spared, risky })))
    fleet.load.start(0)
    await this.#quiet(await pushes)
  }

  async close(): Promise<void> {
    await this.#node.stop()
    await this.#fleet.close()
  }

  async stop(): Promise<void> {
    await this.#node.stop()
    await this.#fleet.stop()
  }

  progress(): string {
    const { requests, violations, answered, rounds } = this.tally
    return (
      `${this.#minute().toFixed(1)} min, ${rounds} rounds: ${requests} requests, ${violations.length} violations, ` +
      `recovery p99 ${Math.round(answered.percentile(0.99))} ms, ${this.#last('keys')} keys, ` +
      `front ${this.#last('front, live KiB')} KiB, worker ${this.#last('worker, live KiB')} KiB`
    )
  }

  report(): string {
    const { tally } = this
    const of = (counts: Map<string, number>): string =>
      [...counts]
        .sort()
        .map(([name, count]) => `\n    ${name}: ${count}`)
        .join('')
    const slopes = [...this.#samples].map(
      ([name, samples]) =>
        `\n    ${name}: ${slopeOf(samples).toFixed(1)} (first ${samples[0]?.[1]}, last ${samples.at(-1)?.[1]})`,
    )
    return [
      `Soak of ${this.#minute().toFixed(1)} minutes, ${tally.rounds} rounds`,
      `  troubles:${of(tally.troubles)}`,
      `  requests: ${tally.requests}${of(tally.ends)}`,
      `  run more than once: ${tally.again}; jobs pushed for nobody: ${tally.pushes}`,
      `  from a kill to the answer of another worker: ${tally.answered.text()}`,
      `  from a kill to the 502: ${tally.told.text()}`,
      `  from a pause to either, where it was not over before: ${tally.paused.text()}`,
      `  all, in rounds in which Redis had troubles of its own: ${tally.troubled.text()}`,
      `  a minute adds, at quiet moments:${slopes.join('')}`,
      `  violations: ${tally.violations.length}${tally.violations.map((line) => `\n    ${line}`).join('')}`,
    ].join('\n')
  }

  /** @returns the names of the jobs that Redis has taken. */
  async #push(endAt: number): Promise<string[]> {
    const names: string[] = []
    while (performance.now() < endAt) {
      const name = `push-${this.tally.pushes++}`
      const sent = this.#node.push('q0', 'note', [{ terms: `n=${name}&ms=50` }])
      // Where the connection breaks during the push nobody knows.
      await sent.then(
        () => names.push(name),
        () => this.tally.count('pushes of unknown outcome'),
      )
      await pause(PUSH_EVERY_MS)
    }
    return names
  }

  async #quiet(pushed: readonly string[]): Promise<void> {
    const { tally } = this
    const fleet = this.#fleet
    const { load } = fleet
    const late: string[] = []
    await until(() => load.open === 0, QUIET_MS).catch(() => late.push('requests stay open'))
    const isDone = (name: string): boolean => fleet.notes(name).some(({ what }) => what === 'ended')
    let missing = pushed.filter((name) => !isDone(name))
    await until(() => {
      missing = missing.filter((name) => !isDone(name))
      return missing.length === 0
    }, QUIET_MS).catch(() => late.push(`pushed and never done: ${missing.join(', ')}`))
    late.push(...(await fleet.settle()).map((what) => `left: ${what}`))
    late.push(...(await fleet.complaints()), ...(await this.#buried()))
    tally.complain(late.map((what) => `round ${tally.rounds}: ${what}`))
    // What hangs once hangs for ever; another round would tell nothing new.
    if (load.open > 0) this.sound = false
    tally.take(load.asked, fleet.recoveries(), this.#plan.postsMayFail === true)
    await this.#sample()
    fleet.renew()
  }

  /** Nothing but poison may end in the dead list. */
  async #buried(): Promise<string[]> {
    const entries = await listOf(this.#fleet.redis, dead)
    await this.#fleet.redis.cli('DEL', dead)
    return entries.filter((entry) => !entry.includes('do=kill')).map((entry) => `dead: ${entry}`)
  }

  async #sample(): Promise<void> {
    const [front] = this.#fleet.living('front')
    const [worker] = this.#fleet.living('worker')
    for (const [name, unit] of Object.entries({ front, worker })) await this.#measure(name, unit)
    this.#note('keys', Number(await this.#fleet.redis.cli('DBSIZE')))
  }

  async #measure(name: string, unit: Unit | undefined): Promise<void> {
    const { rss, live } = fieldsOf(await unit?.program.ask('resources'))
    this.#note(`${name}, rss KiB`, Math.round(Number(rss) / 1024))
    this.#note(`${name}, live KiB`, Math.round(Number(live) / 1024))
  }

  #note(name: string, value: number): void {
    const samples = this.#samples.get(name) ?? []
    this.#samples.set(name, samples)
    samples.push([this.#minute(), value])
  }

  #last(name: string): number {
    return this.#samples.get(name)?.at(-1)?.[1] ?? 0
  }

  #minute(): number {
    return (performance.now() - this.#startedAt) / 60_000
  }
}
