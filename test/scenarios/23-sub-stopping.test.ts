/** A front is told to end with hundreds of subscribers, under load. */
import { afterAll, expect, test } from '@jest/globals'
import { describeWithRedis } from '../helpers/redis'
import { until } from '../helpers/until'
import { channelsOf, type Hub, openHub } from './hub'

const CROWD = 200
const SPREAD_MS = 2000
/** For what a stop does besides. */
const SLACK_MS = 1500
/** Where we had no core for this long, when they ended proves nothing. */
const STARVED_MS = 300

describeWithRedis('a front that is told to end', () => {
  let hub: Hub | undefined
  afterAll(async () => {
    await hub?.stop()
  })

  test('ends its streams one after the other, each with a time of its own to come back; at another front they miss nothing', async () => {
    const stage = await openHub()
    hub = stage
    const { publisher, listeners } = stage
    const [leaver, other] = await Promise.all([
      stage.front({ sub: { spreadMs: SPREAD_MS } }),
      stage.front(),
    ])
    const channels = channelsOf('c', 10)
    for (let i = 0; i < CROWD; i++) {
      stage.listen([leaver, other], [channels[i % 10] ?? ''], { resumeMs: 20 })
    }
    await stage.joined()
    publisher.start(150, channels)
    await until(() => listeners.every(({ stream }) => stream.events.length > 2))

    const stalled = await stage.stalledMs()
    const toldAt = performance.now()
    expect(await leaver.program.end()).toBe(0)
    const tookMs = performance.now() - toldAt
    const late = (await stage.stalledMs()) - stalled
    await stage.joined()
    await stage.settle()

    expect(tookMs).toBeLessThan(SPREAD_MS + SLACK_MS + late)
    const firsts = listeners.flatMap(({ stream }) => stream.connections.slice(0, 1))
    expect(new Set(firsts.map(({ retryMs }) => retryMs)).size).toBeGreaterThan(CROWD / 4)
    for (const { stream } of listeners) expect(stream.connections).toHaveLength(2)
    if (late < STARVED_MS) {
      for (let quarter = 0; quarter < 4; quarter++) {
        const from = toldAt + (quarter * SPREAD_MS) / 4
        const ended = firsts.filter(
          ({ endedAt = 0 }) => endedAt >= from && endedAt < from + SPREAD_MS / 4,
        )
        expect(ended.length).toBeGreaterThan(CROWD / 16)
      }
    }
    await stage.close()
  })
})
