/**
 * Everything that can happen to connections, at random, under load: a few seconds in the suite, TEMPEST_SOAK_MINUTES by hand.
 */
import { afterEach, test } from '@jest/globals'
import { setTimeout as pause } from 'node:timers/promises'
import { cuts } from '../helpers/proxy'
import { describeWithRedis } from '../helpers/redis'
import { type Cell, openStage, type Stage } from './stage'

const SHORT_MS = 2500
const minutes = Number(process.env.TEMPEST_SOAK_MINUTES ?? 0)
const soakMs = minutes > 0 ? minutes * 60_000 : SHORT_MS

describeWithRedis('fronts and workers whose connections break at random', () => {
  let stage: Stage | undefined
  afterEach(async () => {
    await stage?.stop()
  })

  test(
    'each request ends once, what may be retried is served, nothing else runs twice, nothing is left',
    async () => {
      const plan = {
        workers: 2,
        proxied: 'both',
        servedMs: 20_000,
        postDeadlineMs: 6000,
        postsMayFail: true,
        mayOrphan: ['unknown'],
      } as const
      stage = await openStage(
        // The workers of each serve both.
        [0, 3].map((delayMs, i) => ({
          name: `${delayMs} ms away`,
          delayMs,
          alsoServes: 1 - i,
          ...plan,
        })),
      )
      const endAt = performance.now() + soakMs
      const { redis, cells } = stage
      for (const { load } of cells) load.start(60)
      const trouble = async (cell: Cell): Promise<void> => {
        while (performance.now() < endAt) {
          await pause(Math.random() * 1500)
          const how = cuts[Math.floor(Math.random() * cuts.length)] ?? 'both'
          cell.proxy.cut(how, undefined, Math.random() * 0.4)
        }
      }
      const freezes = async (): Promise<void> => {
        while (performance.now() + 5000 < endAt) {
          await pause(2000 + Math.random() * 20_000)
          redis.freeze()
          await pause(Math.random() * 1500)
          redis.thaw()
        }
      }
      await Promise.all([...cells.map(trouble), freezes()])
      await stage.close()
    },
    soakMs + 60_000,
  )
})
