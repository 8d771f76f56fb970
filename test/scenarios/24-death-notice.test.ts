/** Workers that the front hears of directly are killed in turn: the end of their connections tells, not the end of their beats. */
import { afterAll, expect, test } from '@jest/globals'
import { setTimeout as pause } from 'node:timers/promises'
import { describeWithRedis } from '../helpers/redis'
import { type Fleet, openFleet } from './fleet'
import { percentile, summaryOf } from './recovery'

const KILL_MS = 250
const KILLS = 14
/** From kill -9 to the answer of another worker, whose own work takes no time. */
const NOTICE_MS = 250

describeWithRedis('a worker that is killed while it is connected to the front', () => {
  let fleet: Fleet | undefined
  afterAll(() => fleet?.stop())

  test('is missed at once: another answers within 250 ms, whatever its patience', async () => {
    fleet = await openFleet({
      ...{ name: 'death notice', workers: 4, workersDie: true, patienceMs: 5000 },
      ...{ maxMs: 100, quickAgain: true },
      front: { direct: ':0' },
      worker: { retryBudget: 1, concurrency: 8 },
    })
    const { load } = fleet
    load.start(200)
    await pause(400)
    /** Of workers that took over from others, and were killed later. */
    const stalls: number[] = []
    for (let n = 0; n < KILLS; n++) {
      const next = pause(KILL_MS)
      const [victim] = fleet.living('worker')
      const started = fleet.start('worker')
      stalls.push(Number(await victim?.program.ask('stalled')))
      if (victim) await fleet.kill(victim)
      await Promise.all([started, next])
    }
    await load.finish()
    const late =
      (await fleet.stalledMs()) + Math.max(...stalls, ...(await fleet.stallsOf('worker')))
    await fleet.close()
    const { answered, told } = fleet.recoveries()
    console.info(summaryOf('answered', answered), summaryOf('told', told), late)
    // Otherwise nothing was shown.
    expect(answered.length).toBeGreaterThan(5)
    expect(percentile(answered, 0.99)).toBeLessThan(NOTICE_MS + late)
    expect(percentile(told, 0.99)).toBeLessThan(NOTICE_MS + late)
  })
})
