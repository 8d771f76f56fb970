/** Somebody publishes an event of 33 MB, more than Redis keeps for a subscriber and more than a front passes on. */
import { afterAll, expect, test } from '@jest/globals'
import { describeWithRedis } from '../helpers/redis'
import { until } from '../helpers/until'
import type { Listener } from './heard'
import { channelsOf, type Hub, openHub } from './hub'

const MIB = 1024 * 1024
const HUGE_BYTES = 33 * MIB
const LARGE_BYTES = 2 * MIB
const LEFT_BYTES = 8 * MIB
const TOLD_MS = 10_000

describeWithRedis('an event of 33 MB', () => {
  let hub: Hub | undefined
  afterAll(async () => {
    await hub?.stop()
  })

  const gapsOf = ({ stream }: Listener, data: string): string[] =>
    stream.events.filter((each) => each.event === 'gap' && each.data === data).map(({ id }) => id)

  test('is told as a gap to those it was for; all others get all of the log, nobody is sent away, and nothing of it stays', async () => {
    const stage = await openHub()
    hub = stage
    const { publisher, redis } = stage
    const front = await stage.front({ flags: ['--expose-gc'] })
    const channels = channelsOf('c', 5)
    const others = channels.flatMap((channel) =>
      Array.from({ length: 10 }, () => stage.listen([front], [channel])),
    )
    const concerned = Array.from({ length: 5 }, () => stage.listen([front], ['big', 'c0']))
    await stage.joined()
    const before = await front.liveBytes()
    publisher.start(80, channels, true)
    const id = await publisher.log('big')
    const client = redis.client()
    const textOf = (bytes: number): string => JSON.stringify(['x'.repeat(bytes)])

    // Redis closes the connection of a subscriber that owes so much.
    await client.publish('big', textOf(HUGE_BYTES))
    await until(() => stage.listeners.every((each) => gapsOf(each, 'live').length > 0), TOLD_MS)
    // What it does let through is too large here. It is told where the subscription is back.
    await until(async () => (await publisher.tell('big')) > 0)
    await client.publish('big', textOf(LARGE_BYTES))
    await until(() => concerned.every((each) => gapsOf(each, 'size').includes('')), TOLD_MS)

    const huge = await client.xadd(
      'tempest:events',
      '*',
      'channel',
      'big',
      'data',
      textOf(HUGE_BYTES),
    )
    await publisher.log('big')
    await until(
      () => concerned.every((each) => gapsOf(each, 'size').includes(String(huge))),
      TOLD_MS,
    )
    // Also to who was not there.
    stage.listen([front], ['big', 'c1'], { lastEventId: id })
    await stage.settle(['live', 'size'])
    for (const each of others) expect(gapsOf(each, 'size')).toEqual([])
    for (const { stream } of stage.listeners) expect(stream.connections).toHaveLength(1)
    await until(async () => (await front.liveBytes()) - before < LEFT_BYTES, TOLD_MS)
    await stage.close()
  })
})
