/** What a node is subscribed to: a set that changes, kept over connections that break. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { describeWithRedis, startTestRedis, type TestRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import { Connections } from '../src/redis/connections'
import { resolveNodeOptions } from '../src/options'
import { Subscription } from '../src/redis/subscription'

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
      refused: (channels) => log.push(`refused ${channels.join()}`),
      lost: () => log.push('lost'),
      missed: () => log.push('missed'),
    })
    await until(() => subscription.up)
  })
  afterEach(() => connections.close())

  const channels = async (): Promise<string> =>
    ((await redis.cli('PUBSUB', 'CHANNELS')) as string[]).sort().join()
  const kill = (): Promise<unknown> => redis.cli('CLIENT', 'KILL', 'TYPE', 'pubsub')

  test('is to what it was told, and says when Redis has confirmed it', async () => {
    subscription.add('a')
    subscription.add('b')
    await until(() => log.length > 0)
    expect(log).toEqual(['confirmed a,b'])
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
    await until(() => log.length === 2)
    expect(log[1]).toBe('confirmed a')
    expect(await channels()).toBe('a,always,c')
  })

  test('is made anew over a new connection; that something was missed is said before anything else', async () => {
    subscription.add('a')
    await until(() => log.includes('confirmed a'))
    log.length = 0
    await kill()
    // What is added while it is away is there with the rest.
    subscription.add('b')
    await until(async () => {
      await redis.cli('PUBLISH', 'a', 'x')
      return log.includes('a x')
    })
    // The message may be read with the confirmation, before anybody hears of that.
    expect(log.slice(0, 2)).toEqual(['lost', 'missed'])
    expect(log).toContain('confirmed a,b')
    expect(log.filter((line) => line === 'missed')).toHaveLength(1)
    expect(await channels()).toBe('a,always,b')
  })

  test('forgets what was removed while it was away', async () => {
    subscription.add('a')
    await until(() => log.includes('confirmed a'))
    await kill()
    subscription.remove('a')
    await until(() => log.includes('missed'))
    await until(async () => (await channels()) === 'always')
  })

  test('goes on without what Redis refuses, and says which that is', async () => {
    await redis.cli('ACL', 'SETUSER', 'default', 'resetchannels', '&always', '&a', '&b')
    try {
      for (const channel of ['a', 'no', 'b']) subscription.add(channel)
      await until(() => log.length === 3)
      expect(log.sort()).toEqual(['confirmed a', 'confirmed b', 'refused no'])
      expect(await channels()).toBe('a,always,b')
      await kill()
      await until(() => log.includes('missed'))
      await until(async () => (await channels()) === 'a,always,b')
    } finally {
      await redis.cli('ACL', 'SETUSER', 'default', 'allchannels')
    }
  })
})
