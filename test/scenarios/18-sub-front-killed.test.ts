/** One of two fronts is killed with hundreds of subscribers, under load. */
import { afterAll, expect, test } from '@jest/globals'
import { createNode, type Node } from '@tempest/protocol'
import { describeWithRedis } from '../helpers/redis'
import { until } from '../helpers/until'
import { channelsOf, type Hub, openHub } from './hub'

/** What a front says of its subscribers lives for 5 s; the rest is for who looks. */
const FORGOTTEN_MS = 7000

describeWithRedis('a front that is killed with subscribers', () => {
  let hub: Hub | undefined
  let node: Node | undefined
  afterAll(async () => {
    await node?.stop()
    await hub?.stop()
  })

  test('loses them no event: they resume at another front, nothing comes twice, and those who do not are forgotten within seconds', async () => {
    const stage = await openHub()
    hub = stage
    const { publisher } = stage
    const own = createNode({ redis: stage.redis.url })
    node = own
    const [victim, other] = await Promise.all([stage.front(), stage.front()])
    const channels = channelsOf('c', 12)
    for (let i = 0; i < 240; i++) {
      const at = i % 4 === 0 ? [other, victim] : [victim, other]
      const some = [channels[i % 12] ?? '', channels[(i * 5 + 1) % 12] ?? '']
      stage.listen(at, [...new Set(some)], { resumeMs: 50 + i })
    }
    const quiet = Array.from({ length: 10 }, () =>
      stage.listen([victim, other], ['quiet'], { resumeMs: 300 }),
    )
    const lost = Array.from({ length: 8 }, () => stage.listen([victim], ['left']))
    // They join when nothing was ever published: also from there one can resume.
    await stage.joined()
    const onC0 = stage.listeners.filter((listener) => listener.channels.includes('c0')).length
    const areCounted = async (...wanted: readonly number[]): Promise<boolean> => {
      const named = ['c0', 'quiet', 'left', 'nobody']
      const counts = await Promise.all(named.map((channel) => own.subscribers(channel)))
      return counts.join() === wanted.join()
    }
    await until(() => areCounted(onC0, quiet.length, lost.length, 0))

    publisher.start(250, channels)
    await until(async () => (await publisher.entries()).length > 150)
    victim.program.signal('SIGKILL')
    await publisher.log('quiet')
    const killedAt = performance.now()
    expect(await victim.program.ended).toBe('SIGKILL')
    for (const each of lost) each.stream.close()
    await until(() => stage.listeners.every(({ stream }) => stream.closed || stream.joined))
    const resumedAt = (await publisher.entries()).length
    await until(async () => (await publisher.entries()).length > resumedAt + 100)
    for (const channel of channels) await own.publish(channel, 'from a node')
    await stage.settle()
    const resumed = stage.listeners.filter(({ stream }) => stream.connections.length > 1)
    expect(resumed).toHaveLength(180 + quiet.length)

    await until(() => areCounted(onC0, quiet.length, 0, 0), FORGOTTEN_MS * 2)
    const late = await stage.stalledMs()
    expect(performance.now() - killedAt).toBeLessThan(FORGOTTEN_MS + late)
    await stage.close()
  })
})
