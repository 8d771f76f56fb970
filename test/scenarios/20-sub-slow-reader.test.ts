/** One subscriber among a thousand reads a byte a second, and far more is published than anybody should keep for it. */
import { afterAll, expect, test } from '@jest/globals'
import type { Subscriber } from '../helpers/events'
import { describeWithRedis } from '../helpers/redis'
import { until } from '../helpers/until'
import { latenciesOf } from './heard'
import { type Hub, openHub } from './hub'
import { percentile } from './offered'

const KIB = 1024
const MIB = 1024 * KIB
const CROWD = 1000
const FAT_BYTES = 64 * KIB
const FAT_EVENTS = 240
/** Less than anybody may owe: who reads is not cut where it stands still for a moment. */
const AT_A_TIME = 2
const LOOK_EACH = 40
const MAX_BUFFER_BYTES = 256 * KIB
const RING_BYTES = MIB
/** A batch that was just read, and what an engine does not give back at once; much less than what is published. */
const SLACK_BYTES = 4 * MIB
const PROMPT_MS = 1000

describeWithRedis('a subscriber that reads a byte a second', () => {
  let hub: Hub | undefined
  afterAll(async () => {
    await hub?.stop()
  })

  const fatOf = ({ events }: Subscriber): number =>
    events.filter(({ data }) => data.length >= FAT_BYTES - 100).length

  test('delays nobody, costs no more memory than it may owe, is cut and counted, and resumes by id without a gap', async () => {
    const stage = await openHub()
    hub = stage
    const { publisher } = stage
    const front = await stage.front({
      sub: { maxBufferBytes: MAX_BUFFER_BYTES, ringBytes: RING_BYTES },
      flags: ['--expose-gc'],
    })
    const crowd = Array.from({ length: CROWD }, () => stage.listen([front], ['news']))
    const reader = stage.listen([front], ['news', 'fat']).stream
    const slow = stage.listen([front], ['fat', 'news'], { resumeMs: 50 }).stream
    await stage.joined()
    const before = await front.liveBytes()
    const stalled = await stage.stalledMs()
    slow.slow()
    publisher.start(10, ['news'])
    let peak = 0
    for (let i = 0; i < FAT_EVENTS; i += AT_A_TIME) {
      await Promise.all(Array.from({ length: AT_A_TIME }, () => publisher.log('fat', FAT_BYTES)))
      // Who reads owes what is on its way, and no more.
      await until(() => fatOf(reader) === i + AT_A_TIME)
      if (i % LOOK_EACH === 0) peak = Math.max(peak, await front.liveBytes())
    }
    await until(async () => (await front.count('slow')) === 1)
    expect(await front.count('subscribers')).toBe(CROWD + 1)
    await until(() => crowd.every((each) => each.stream.events.length > 10))
    const late = (await stage.stalledMs()) - stalled
    slow.fast()
    await stage.settle()

    expect(peak - before).toBeLessThan(MAX_BUFFER_BYTES + RING_BYTES + SLACK_BYTES)
    const latencies = crowd.flatMap((each) => latenciesOf(each.stream.events))
    expect(latencies.length).toBeGreaterThan(CROWD * 10)
    expect(percentile(latencies, 0.99)).toBeLessThan(PROMPT_MS + late)
    // Once, and nobody else; also what it had missed was not too much at once.
    expect(await front.count('slow')).toBe(1)
    expect(slow.connections).toHaveLength(2)
    await stage.close()
  })
})
