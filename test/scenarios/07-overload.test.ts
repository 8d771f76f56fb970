/**
 * Three times as much is asked as workers can do. Their handlers only sleep, so that what they can do is known and nobody's CPU is
 * measured: two workers of 8 slots, 100 ms each, are 160 a second.
 */
import { afterAll, afterEach, expect, test } from '@jest/globals'
import { setTimeout as pause } from 'node:timers/promises'
import { endPrograms, type Program, startProgram } from '../helpers/programs/start'
import { describeWithRedis, startTestRedis, type TestRedis } from '../helpers/redis'
import { startStallMeter } from '../helpers/stall'
import { offer, type Offered, percentile } from './offered'
import { listOf } from './stage'

const SLOTS = 8
const WORKERS = 2
const HANDLER_MS = 100
const CAPACITY = (SLOTS * WORKERS * 1000) / HANDLER_MS
const MAX_WAIT_MS = 1000
/** Until the rate is known, and what a look at the queue is late by. */
const SLACK_MS = 1500
const EARLY_MS = 300
const PROBE_MS = 50
/** What a Redis takes to answer on a machine that has a core for it. */
const USUAL_MS = 20
/** More than this it may not excuse: what a front asks of it is the front's own. */
const REDIS_LATE_MS = 500
/** Where we had no core for this long in all, or an answer of nothing took so long, times prove nothing; the account still does. */
const STARVED_MS = 1500
const STARVED_ANSWER_MS = 500

describeWithRedis('three times more than workers can do', () => {
  let redis: TestRedis | undefined
  let programs: Program[] = []
  const meter = startStallMeter()
  afterAll(() => meter.stop())
  afterEach(async () => {
    await endPrograms()
    await redis?.stop()
  })

  async function start(fronts: number): Promise<number[]> {
    redis = await startTestRedis()
    const { url } = redis
    const work = { deadlineMs: 20_000, maxWaitMs: MAX_WAIT_MS }
    const front = { queue: 'tempest', redis: url, work }
    const worker = { queues: ['tempest'], redis: url, concurrency: SLOTS }
    const [program, workers] = await Promise.all([
      startProgram('front', new Array(fronts).fill(front)),
      startProgram('worker', new Array(WORKERS).fill(worker)),
    ])
    await workers.ask('started')
    programs = [program, workers]
    return listOf(await program.ask('ports')).map(Number)
  }

  /** How long, in ms, any of us could not run although it wanted to. */
  async function stalledMs(): Promise<number> {
    const all = await Promise.all(programs.map((program) => program.ask('stalled')))
    return all.reduce((sum: number, each) => sum + Number(each), meter.stalledMs)
  }

  /** Asks Redis one thing after the other; resolves to how long it let us wait in all, in ms, beyond what is usual. */
  function probeRedis(): () => Promise<number> {
    const client = redis?.client()
    let lateMs = 0
    const over = new AbortController()
    const probing = (async (): Promise<void> => {
      while (!over.signal.aborted) {
        const from = performance.now()
        await client?.ping()
        lateMs += Math.max(performance.now() - from - USUAL_MS, 0)
        await pause(PROBE_MS)
      }
    })()
    return async () => {
      over.abort()
      await probing
      return lateMs
    }
  }

  /** Asks the fronts' processes for an answer of nothing all the while; resolves to the longest of them, in ms. */
  function probe(ports: readonly number[]): () => Promise<number> {
    const asked: Promise<number>[] = []
    const timer = setInterval(() => {
      for (const port of ports) {
        const from = performance.now()
        const answer = fetch(`http://127.0.0.1:${port}/nothing`)
        asked.push(answer.then((got) => got.text()).then(() => performance.now() - from))
      }
    }, PROBE_MS)
    return async () => {
      clearInterval(timer)
      return Math.max(...(await Promise.all(asked)))
    }
  }

  const between = (all: readonly Offered[], from: number, to: number): Offered[] =>
    all.filter(({ sentAt }) => sentAt >= from && sentAt < to)

  test.each([
    { fronts: 1, overMs: 4000 },
    { fronts: 2, overMs: 2500 },
  ])(
    'are served at what they can do by $fronts front(s), the rest is refused at once, and all is as before when it is over',
    async ({ fronts, overMs }) => {
      const ports = await start(fronts)
      const stalledBefore = await stalledMs()
      const load = offer(ports, [
        { method: 'GET', keep: true, handlerMs: HANDLER_MS },
        { method: 'POST', keep: true, handlerMs: HANDLER_MS },
      ])
      load.rate(CAPACITY / 2)
      await pause(500)
      const longestAnswer = probe(ports)
      const redisLate = probeRedis()
      const begunAt = performance.now()
      load.rate(CAPACITY * 3)
      await pause(overMs)
      const endedAt = performance.now()
      load.rate(CAPACITY / 2)
      await pause(1800)
      const normalAt = performance.now()
      await pause(500)
      const doneAt = performance.now()
      await load.finish()
      const answerMs = await longestAnswer()
      const starved = (await stalledMs()) - stalledBefore + answerMs
      const late = starved + Math.min(await redisLate(), REDIS_LATE_MS)
      const could = CAPACITY * Math.max(1 - late / overMs, 0)

      const over = between(load.all, begunAt, endedAt)
      const served = over.filter(({ status }) => status === 200)
      const refused = over.filter(({ status }) => status !== 200)
      const ends = load.all
        .filter(({ status }) => status === 200)
        .map(({ sentAt, ms }) => sentAt + ms)
      const goodput =
        (ends.filter((at) => at >= begunAt && at < endedAt).length * 1000) / (endedAt - begunAt)
      if (process.env.TEMPEST_SCENARIO_ACCOUNT !== undefined) {
        const waits = served.map(({ ms }) => ms - HANDLER_MS)
        console.log(
          `${fronts} front(s): asked ${over.length}, served ${served.length}, goodput ${Math.round(goodput)} of ${CAPACITY}/s; ` +
            `waiting ms p50 ${Math.round(percentile(waits, 0.5))}, p99 ${Math.round(percentile(waits, 0.99))}, max ${Math.round(percentile(waits, 1))}; ` +
            `without a core ${Math.round(late)} ms, an answer of nothing up to ${Math.round(answerMs)} ms; refused ${refused.length}, after ms p99 ${Math.round(
              percentile(
                refused.map(({ ms }) => ms),
                0.99,
              ),
            )}`,
        )
      }
      expect(load.all.filter(({ right, status }) => status === 200 && right !== true)).toEqual([])
      for (const { status, retryAfter, right } of refused) {
        const full = expect.stringContaining('BACKLOG_FULL')
        expect([status, Number(retryAfter) >= 1, right]).toEqual([503, true, full])
      }
      if (starved > STARVED_MS || answerMs > STARVED_ANSWER_MS) return
      expect(refused.length).toBeGreaterThan(over.length / 4)
      expect(
        percentile(
          refused.map(({ ms }) => ms),
          0.99,
        ),
      ).toBeLessThan(EARLY_MS + late)
      expect(goodput).toBeGreaterThan(could * 0.9)
      const slowest = percentile(
        served.map(({ ms }) => ms),
        1,
      )
      expect(slowest).toBeLessThan(MAX_WAIT_MS + SLACK_MS + HANDLER_MS + late)
      const normal = between(load.all, normalAt, doneAt)
      expect(normal.filter(({ status }) => status !== 200)).toEqual([])
      expect(
        percentile(
          normal.map(({ ms }) => ms),
          0.9,
        ),
      ).toBeLessThan(HANDLER_MS * 3 + late)
    },
  )
})
