/** Redis itself closes connections, forgets scripts, or stops answering for a while: under load. */
import { afterAll, expect, test } from '@jest/globals'
import { setTimeout as pause } from 'node:timers/promises'
import { describeWithRedis } from '../helpers/redis'
import { until } from '../helpers/until'
import { listOf, openStage, type Plan, type Stage } from './stage'

const KILL_MS = 200
const KILLS = 16

describeWithRedis('a Redis in trouble', () => {
  const stages: Stage[] = []
  afterAll(async () => {
    await Promise.all(stages.map((stage) => stage.stop()))
  })

  async function open(plan: Plan): Promise<Stage> {
    const stage = await openStage([plan])
    stages.push(stage)
    return stage
  }

  async function freeze(ms: number, plan: Plan): Promise<{ cells: Stage['cells']; late: number }> {
    const stage = await open(plan)
    for (const { load } of stage.cells) load.start(150)
    await pause(500)
    stage.redis.freeze()
    await pause(ms)
    stage.redis.thaw()
    await pause(500)
    await Promise.all(stage.cells.map(({ load }) => load.finish()))
    const late = await stage.stalledMs()
    await stage.close()
    return { cells: stage.cells, late }
  }

  test.concurrent(
    'that closes every connection each 200 ms costs no request that may be retried, runs no other twice, leaves nothing',
    async () => {
      const plan = { workers: 2, postDeadlineMs: 2500, postsMayFail: true }
      const stage = await open({ name: 'killed', ...plan })
      const { redis, cells } = stage
      for (const { load } of cells) load.start(200)
      const admin = redis.client()
      const rubbish: string[] = []
      for (let i = 0; i < KILLS; i++) {
        // Entries that are no jobs, some of them just when the connections break: they end in the dead list, all of them.
        for (let part = 0; part < 10; part++) {
          rubbish.push(`no job ${rubbish.length}`)
          await admin.rpush('q0', rubbish.at(-1) ?? '')
          await pause(KILL_MS / 10)
        }
        // The client that asks is spared.
        await admin.call('CLIENT', 'KILL', 'TYPE', 'normal')
        await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
        if (i % 4 === 0) await admin.script('FLUSH')
      }
      await until(async () => {
        const dead = listOf(await redis.cli('LRANGE', '{q0}:dead', 0, -1)).map(String)
        return new Set(dead).size === rubbish.length
      })
      await until(async () => (await redis.cli('LLEN', 'q0')) === 0)
      expect(await redis.cli('DEL', '{q0}:dead')).toBe(1)
      await stage.close()
    },
  )

  test.concurrent(
    'that dies and comes back empty: what was in it ends at its deadline, what comes later is served',
    async () => {
      const plan: Plan = { name: 'killed and empty', workers: 2, deadlineMs: 3000 }
      const { redis, cells, ...stage } = await open(plan)
      for (const { load } of cells) load.start(150)
      await pause(500)
      await redis.kill()
      await pause(300)
      plan.lostUntil = performance.now()
      await redis.start()
      await pause(1500)
      await stage.close()
    },
  )

  test.concurrent('that is frozen for 1 s costs nothing but that second', async () => {
    await freeze(1000, { name: 'frozen for 1 s', workers: 2 })
  })

  test.concurrent(
    'that is frozen until all connections are given up: each request ends once all the same',
    async () => {
      const plan = { workers: 2, postDeadlineMs: 6000, postsMayFail: true }
      await freeze(4500, { name: 'frozen for 4.5 s', ...plan })
    },
  )

  test.concurrent(
    'that is frozen for longer than redisWaitMs: what comes then is refused with 503 and never run, what was there is served',
    async () => {
      const plan = { redisWaitMs: 300, mayBeAway: true }
      const { cells, late } = await freeze(2000, {
        name: 'frozen for 2 s, redisWaitMs 300',
        ...plan,
      })
      const outcomes = cells.flatMap(({ load }) => load.asked.map(({ outcome }) => outcome))
      const refused = outcomes.filter((outcome) => outcome?.status === 503)
      expect(refused.length).toBeGreaterThan(75)
      // When the wait is over, and not before.
      for (const outcome of refused) {
        expect(outcome?.ms).toBeGreaterThan(299)
        expect(outcome?.ms).toBeLessThan(1500 + late)
      }
    },
  )
})
