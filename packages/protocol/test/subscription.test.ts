/** What a node is subscribed to: a set that changes, kept over connections that break. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { describeWithRedis, startTestRedis, type TestRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import { Connections } from '../src/connections'
import { resolveNodeOptions } from '../src/options'
import { Subscription } from '../src/subscription'

describeWithRedis('a subscription', () => {
  let redis: TestRedis
  let connections: Connections
  let subscription: Subscription
  let log: string[]

  beforeAll(async () => {
    redis = await startTestRedis()
  })
  afterAll(() => redis.stop())
  beforeEach(async () => {
    log = []
    const idle = { up: () => undefined, down: () => undefined }
    connections = new Connections(resolveNodeOptions({ redis: redis.url }), idle)
    subscription = new Subscription(connections, ['always'], {
      message: (channel, payload) => log.push(`${channel} ${payload.toString()}`),
      confirmed: (channels) => log.push(`confirmed ${channels.join()}`),
      missed: () => log.push('missed'),
    })
    await until(() => log.length > 0)
  })
  afterEach(() => connections.close())

  const channels = async (): Promise<string> =>
    ((await redis.cli('PUBSUB', 'CHANNELS')) as string[]).sort().join()
  const kill = (): Promise<unknown> => redis.cli('CLIENT', 'KILL', 'TYPE', 'pubsub')

  test('is to what it was told, and says when Redis has confirmed it', async () => {
    expect(log).toEqual(['confirmed always'])
    subscription.add('a')
    subscription.add('b')
    await until(() => log.length === 2)
    expect(log[1]).toBe('confirmed a,b')
    expect(await channels()).toBe('a,always,b')
    subscription.remove('a')
    await until(async () => (await channels()) === 'always,b')
    await redis.cli('PUBLISH', 'b', 'x')
    await until(() => log.includes('b x'))
  })

  test('ends as it was told last, however often that changed within a turn', async () => {
    for (const channel of ['a', 'b', 'c']) subscription.add(channel)
    subscription.remove('b')
    subscription.remove('c')
    subscription.add('c')
    await until(() => log.includes('confirmed a,c'))
    subscription.remove('a')
    subscription.add('a')
    await until(() => log.length === 3)
    expect(log[2]).toBe('confirmed a')
    expect(await channels()).toBe('a,always,c')
  })

  test('is made anew over a new connection; that something was missed is said before anything else', async () => {
    subscription.add('a')
    await until(() => log.length === 2)
    log.length = 0
    await kill()
    // What is added while it is away is there with the rest.
    subscription.add('b')
    await until(async () => {
      await redis.cli('PUBLISH', 'a', 'x')
      return log.includes('a x')
    })
    await until(() => log.some((line) => line.startsWith('confirmed')))
    expect(log[0]).toBe('missed')
    expect(log.filter((line) => line === 'missed')).toHaveLength(1)
    expect(
      log
        .find((line) => line.startsWith('confirmed'))
        ?.split(/[ ,]/)
        .sort(),
    ).toEqual(['a', 'always', 'b', 'confirmed'])
    expect(await channels()).toBe('a,always,b')
  })

  test('forgets what was removed while it was away', async () => {
    subscription.add('a')
    await until(() => log.length === 2)
    await kill()
    subscription.remove('a')
    await until(() => log.includes('missed'))
    await until(async () => (await channels()) === 'always')
  })
})
