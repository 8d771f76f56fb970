/** A front that stands still, or an address that two fronts share: workers that stream to it directly live on. */
import { afterEach, expect, test } from '@jest/globals'
import { describeWithRedis } from '../helpers/redis'
import { until } from '../helpers/until'
import { type Fleet, openFleet } from './fleet'
import { readStreams, tally } from './streamed'

describeWithRedis('a worker that streams directly', () => {
  let fleet: Fleet | undefined
  afterEach(() => fleet?.stop())

  test('outlives a front that stands still for longer than its silence is borne, and goes on with its streams', async () => {
    fleet = await openFleet({
      ...{ name: 'stalled front', patienceMs: 10_000 },
      front: { direct: ':0' },
      worker: { concurrency: 64 },
    })
    const { units } = fleet
    const ports = units.filter(({ role }) => role === 'front').map(({ port }) => port)
    const [front] = fleet.living('front')
    const [worker] = fleet.living('worker')
    if (!front || !worker) throw new Error('no fleet')
    const reading = readStreams(() => ports, { first: 1, count: 40, atOnce: 20, ms: 120 })
    await until(async () => (await worker.count('running')) > 10)
    await fleet.pause(front, 5000)
    const counts = tally(await reading)
    expect(counts).toEqual({ whole: 40 })
    expect(worker.killedAt).toBeUndefined()
    await fleet.close()
  })
})
