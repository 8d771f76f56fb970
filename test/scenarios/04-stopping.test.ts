/** Processes are told to end while their connections to Redis are broken, under load. */
import { afterAll, expect, test } from '@jest/globals'
import { setTimeout as pause } from 'node:timers/promises'
import { startProgram } from '../helpers/programs/start'
import { type Cut, cuts, type Proxy } from '../helpers/proxy'
import { describeWithRedis } from '../helpers/redis'
import { until } from '../helpers/until'
import { complaintsOf } from './account'
import { remainsOf } from './remains'
import { openStage, type Plan, type Stage } from './stage'

describeWithRedis('SIGTERM in bad times', () => {
  const stages: Stage[] = []
  afterAll(async () => {
    await Promise.all(stages.map((stage) => stage.stop()))
  })

  async function open(plans: readonly Plan[]): Promise<Stage> {
    const stage = await openStage(plans)
    stages.push(stage)
    return stage
  }

  test.concurrent(
    'a worker gives back what it has not begun and delivers what it has done, as soon as Redis is there',
    async () => {
      const scenes = cuts.flatMap((how) =>
        [100, 10].map((ms): { how: Cut; ms: number } => ({ how, ms })),
      )
      // Each cell has a worker that stays; the one that leaves is behind the proxy.
      const stage = await open(
        scenes.map(({ how, ms }) => ({
          name: `${how}, SIGTERM after ${ms} ms`,
          mayOrphan: ['listen', 'unknown'],
          // One that ends before it can settle leaves its jobs to the sweeper.
          workersDie: true,
        })),
      )
      const leavers = await Promise.all(
        stage.cells.map(({ queue, proxy }) =>
          startProgram('worker', [{ queues: [queue], redis: proxy.url, concurrency: 16 }]),
        ),
      )
      await Promise.all(leavers.map((leaver) => leaver.ask('started')))
      for (const { load } of stage.cells) load.start(60)
      await Promise.all(
        stage.cells.map(async ({ proxy }, i) => {
          const { how, ms } = scenes[i] ?? { how: 'both', ms: 0 }
          await pause(500)
          proxy.cut(how)
          await pause(ms)
          expect(await leavers[i]?.end()).toBe(0)
          stage.record(leavers[i]?.last)
        }),
      )
      await stage.close()
    },
  )

  test.concurrent('a front ends what is open, and itself, within its drain time', async () => {
    const scenes: [string, (proxy: Proxy) => void][] = [
      ['its Redis is gone', (proxy) => proxy.refuse()],
      ['its connections swallow all', (proxy) => void proxy.cut('both')],
      ['it hears nothing of Redis', (proxy) => void proxy.cut('from-redis')],
      ['only its mailbox is dead', (proxy) => void proxy.cut('both', ['mailbox'])],
    ]
    const drains = { proxied: 'front', drainMs: 1500, stops: true } as const
    const stage = await open(scenes.map(([name]) => ({ name: `front, ${name}`, ...drains })))
    const { cells, front, worker, redis } = stage
    for (const { load } of cells) load.start(100)
    await pause(300)
    scenes.forEach(([, cut], i) => cells[i] && cut(cells[i].proxy))
    await pause(300)
    const finished = Promise.all(cells.map(({ load }) => load.finish()))
    await stage.received()
    const late = await stage.stalledMs()
    const startedAt = performance.now()
    expect(await front.end()).toBe(0)
    expect(performance.now() - startedAt).toBeLessThan(8000)
    await finished
    // What the fronts had pushed is seen to before the worker goes.
    await until(async () => {
      const lengths = cells.map(({ queue }) => redis.cli('LLEN', queue))
      return (await Promise.all(lengths)).every((length) => length === 0)
    })
    expect(await worker.end()).toBe(0)
    stage.record(worker.last)
    expect(cells.flatMap(({ plan, load }) => complaintsOf(plan, load.asked, late))).toEqual([])
    // Replies nobody reads any more: Redis collects them. Fronts that could not take their record with them are found
    // silent by whoever comes next; here nobody does.
    expect(await remainsOf(redis, [], ['tempest:nodes', 'tempest:beats'])).toEqual([])
  })
})
