/**
 * Where scenarios play: one real Redis, fronts in one process, workers in another, and any number of cells. A cell is a queue
 * of its own with one front, its workers, and a load; proxies stand where the cell says. What every scenario must show at
 * its end is `close`: the account is right, nothing is left anywhere, and SIGTERM ends both processes.
 */
import { createLoad, type Load } from '../helpers/load'
import { endPrograms, type Program, startProgram } from '../helpers/programs/start'
import { type Proxy, type Role, startProxy } from '../helpers/proxy'
import { startTestRedis, type TestRedis } from '../helpers/redis'
import { startStallMeter } from '../helpers/stall'
import { until } from '../helpers/until'
import { accountOf, complaintsOf, type Rules } from './account'
import { remainsOf } from './remains'

export interface Plan extends Rules {
  /** Whose connections go through the cell's proxy. @defaultValue nobody's */
  proxied?: 'front' | 'worker' | 'both'
  /** @defaultValue 1 */
  workers?: number
  /** Another cell, by its number, whose queue this cell's workers serve as well, after their own. @defaultValue none */
  alsoServes?: number
  /** @defaultValue 25000, longer than any cut */
  redisWaitMs?: number
  /** @defaultValue 20: a scenario may cut more often than clients are promised to be served through */
  maxAttempts?: number
  /** Milliseconds the proxy adds each way, so that more is on its way when it cuts. @defaultValue 0 */
  delayMs?: number
  /** Milliseconds. @defaultValue that of createFront */
  drainMs?: number
  /**
   * Dead connections of this kind may stay: of a node that ends before it notices, or, `unknown`, such as died before they
   * had sent anything of consequence, their id included. @defaultValue none
   */
  mayOrphan?: readonly (Role | 'unknown')[]
}

export interface Cell {
  readonly plan: Plan
  readonly queue: string
  readonly load: Load
  readonly proxy: Proxy
}

export interface Stage {
  readonly redis: TestRedis
  readonly cells: readonly Cell[]
  readonly front: Program
  readonly worker: Program
  /** How long, in ms, front and load generator could not run although they wanted to: a busy machine. */
  stalledMs(): Promise<number>
  /** Takes what a worker program wrote down of its runs. */
  record(runs: unknown): void
  /** Resolves when the front has seen all that was asked. */
  received(): Promise<void>
  /** Ends the loads and checks everything. @throws with the whole account. */
  close(): Promise<void>
  /** Ends whatever still runs; for afterEach. */
  stop(): Promise<void>
}

const CLEAN_MS = 8000
/** Nobody dies here, and dozens of nodes in one process need not watch each other closely. */
const patienceMs = 10_000
const END_MS = 10_000

export async function openStage(plans: readonly Plan[]): Promise<Stage> {
  const meter = startStallMeter()
  const redis = await startTestRedis()
  const proxies = await Promise.all(plans.map(() => startProxy(redis.port)))
  const via = (i: number, who: 'front' | 'worker'): string => {
    const proxied = plans[i]?.proxied
    return proxied === who || proxied === 'both' ? (proxies[i]?.url ?? '') : redis.url
  }
  const queueOf = (i: number): string => `q${i}`
  const fronts = plans.map((plan, i) => {
    const { redisWaitMs = 25_000, deadlineMs = 25_000, postDeadlineMs, drainMs } = plan
    // Nothing is refused because it would have to wait: that is another scenario's.
    const terms = { maxAttempts: plan.maxAttempts ?? 20, maxWaitMs: 600_000 }
    const work = { deadlineMs, postDeadlineMs, ...terms }
    return { queue: queueOf(i), redis: via(i, 'front'), redisWaitMs, drainMs, patienceMs, work }
  })
  const workers = plans.flatMap((plan, i) =>
    Array.from({ length: plan.workers ?? 1 }, () => ({
      queues: [queueOf(i), ...(plan.alsoServes === undefined ? [] : [queueOf(plan.alsoServes)])],
      redis: via(i, 'worker'),
      concurrency: 16,
      patienceMs,
    })),
  )
  const [front, worker] = await Promise.all([
    startProgram('front', fronts),
    startProgram('worker', workers),
  ])
  await worker.ask('started')
  const ports = listOf(await front.ask('ports')).map(Number)
  const cells = plans.map((plan, i): Cell => {
    const proxy = proxies[i]
    if (!proxy) throw new Error('no proxy')
    proxy.delay(plan.delayMs ?? 0)
    return { plan, queue: queueOf(i), load: createLoad(ports[i] ?? 0), proxy }
  })

  /** What is left where nothing should be. */
  async function leftovers(): Promise<string[]> {
    const left: string[] = []
    const frontStats = listOf(await front.ask('stats'))
    const workerStats = listOf(await worker.ask('stats'))
    left.push(...(await remainsOf(redis, [...frontStats, ...workerStats])))
    frontStats.forEach((stats, i) => {
      for (const field of ['inFlight', 'heldChars', 'heldBytes']) {
        if (fieldOf(stats, field) !== 0) left.push(`front ${i}: ${field} ${fieldOf(stats, field)}`)
      }
    })
    workerStats.forEach((stats, i) => {
      for (const field of ['running', 'waiting', 'held', 'unconfirmed', 'undeliverable']) {
        if (fieldOf(stats, field) !== 0) left.push(`worker ${i}: ${field} ${fieldOf(stats, field)}`)
      }
    })
    for (const { plan, proxy } of cells) {
      for (const role of proxy.orphans()) {
        if (role !== 'beat' && !plan.mayOrphan?.some((may) => may === role))
          left.push(`${plan.name}: an orphan of ${role}`)
      }
    }
    return left
  }

  function record(runs: unknown): void {
    for (const run of listOf(runs).flatMap(listOf)) {
      const [n, attempt, queue] = listOf(run)
      cells.find((cell) => cell.queue === queue)?.load.ran(Number(n), Number(attempt))
    }
  }

  async function stalledMs(): Promise<number> {
    return meter.stalledMs + Number(await front.ask('stalled'))
  }

  return {
    redis,
    cells,
    front,
    worker,
    stalledMs,
    record,
    async received() {
      await until(async () => {
        const stats = listOf(await front.ask('stats'))
        return cells.every(({ load }, i) => fieldOf(stats[i], 'requests') === load.asked.length)
      }, END_MS)
    },
    async close() {
      await Promise.all(cells.map(({ load }) => load.finish()))
      let left = await leftovers()
      const deadline = performance.now() + CLEAN_MS
      while (left.length > 0 && performance.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, 50))
        left = await leftovers()
      }
      record(await worker.ask('runs'))
      const stats = [await front.ask('stats'), await worker.ask('stats')]
      const late = await stalledMs()
      const complaints = cells.flatMap(({ plan, load }) => complaintsOf(plan, load.asked, late))
      complaints.push(...left.map((what) => `left: ${what}`))
      for (const [name, program] of Object.entries({ front, worker })) {
        const code = await within(END_MS, program.end())
        if (code !== 0) complaints.push(`SIGTERM ended the ${name} with ${code}`)
      }
      // A worker that ended while its connection was dead leaves its record to Redis, for seconds.
      await until(async () => (await remainsOf(redis, [])).length === 0, CLEAN_MS).catch(
        async () => {
          complaints.push(`at the end: ${(await remainsOf(redis, [])).join(', ')}`)
        },
      )
      const account = cells.map(({ plan, load }) => accountOf(plan, load.asked)).join('\n')
      if (process.env.TEMPEST_SCENARIO_ACCOUNT !== undefined) {
        console.log(`${account}\nwithout a core: ${Math.round(late)} ms`)
      }
      if (complaints.length === 0) return
      const told = [...complaints.slice(0, 40), `(${complaints.length} in all)`].join('\n')
      throw new Error(`${told}\n\n${account}\n\n${JSON.stringify(stats)}`)
    },
    async stop() {
      meter.stop()
      for (const { load } of cells) load.abort()
      await endPrograms()
      await Promise.all(proxies.map((proxy) => proxy.stop()))
      await redis.stop()
    },
  }
}

async function within(ms: number, ended: Promise<number | string>): Promise<number | string> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`nothing, within ${ms} ms`), ms)
  })
  const how = await Promise.race([ended, late])
  clearTimeout(timer)
  return how
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function fieldOf(value: unknown, name: string): number {
  const field: unknown = typeof value === 'object' && value ? Reflect.get(value, name) : undefined
  return typeof field === 'number' ? field : NaN
}
