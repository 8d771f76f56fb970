/** Jobs that are due later, and the clock they are due by, against a real Redis. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { Redis } from 'ioredis'
import { describeWithRedis, startTestRedis, type TestRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import { keysOf, listOf } from '../../../test/helpers/watch'
import { Connections } from '../src/redis/connections'
import { Delay } from '../src/queue/delay'
import { createNode, type Node } from '../src/node'
import { resolveNodeOptions } from '../src/options'

const HOUR = 3600_000

describeWithRedis('a delayed job', () => {
  let server: TestRedis
  let redis: Redis
  let connections: Connections
  let delay: Delay
  let node: Node

  beforeAll(async () => {
    server = await startTestRedis()
    redis = server.client()
  })
  beforeEach(async () => {
    node = createNode({ redis: server.url, redisWaitMs: 100 })
    const nothing = (): void => undefined
    const options = resolveNodeOptions({ redis: server.url })
    connections = new Connections(options, { up: nothing, down: nothing })
    delay = new Delay('q', connections)
    await until(() => connections.commands.up && node.connected)
  })
  afterEach(async () => {
    connections.close()
    await node.stop()
    await redis.flushall()
  })
  afterAll(() => server.stop())

  const isDue = async (): Promise<boolean> => {
    await delay.move()
    return (await redis.llen('q')) > 0
  }
  /** As if TIME had jumped by so much since anybody called. */
  const jump = (ms: number): Promise<unknown> => redis.hincrby('{q}:clock', 'wall', -ms)

  test('waits until it is due, and is then at the end of its list', async () => {
    await redis.rpush('q', 'before')
    const before = performance.now()
    const id = await node.push('q', 'a', [1], { delayMs: 1500 })
    expect(await delay.move()).toBeGreaterThan(100)
    expect(await listOf(server, 'q')).toEqual(['before'])
    await until(async () => (await delay.move()) === undefined)
    expect(performance.now() - before).toBeGreaterThanOrEqual(1499)
    expect(await listOf(server, 'q')).toEqual(['before', `["a",[1],null,"${id}"]`])
    expect(await keysOf(server)).toEqual(['q'])
  })

  test('keeps its priority, and rings the bell when it is due', async () => {
    const listener = server.client()
    const rung: string[] = []
    listener.on('message', (channel: string) => rung.push(channel))
    await listener.subscribe('{q}:bell')
    await node.push('q', 'a', [], { delayMs: 1, priority: 'high' })
    await until(async () => {
      await delay.move()
      return (await redis.llen('{q}:high')) === 1
    })
    await until(() => rung.length === 1)
  })

  test('bears in its id how often it may be tried, where that is not the rule', async () => {
    expect(await node.push('q', 'a', [], { delayMs: 1, maxAttempts: 4 })).toMatch(/-r4$/)
    expect(await node.push('q', 'a', [], { maxAttempts: 4 })).toMatch(/-r4$/)
    expect(await node.push('q', 'a', [], { maxAttempts: 10 })).not.toMatch(/-r10$/)
  })

  test.each([
    [{ delayMs: -1 }, 'delayMs'],
    [{ delayMs: NaN }, 'delayMs'],
    [{ delayMs: '5' as unknown as number }, 'delayMs'],
    [{ maxAttempts: 0 }, 'maxAttempts'],
    [{ maxAttempts: 1.5 }, 'maxAttempts'],
  ])('with %j is refused, and nothing is pushed', async (options, named) => {
    await expect(node.push('q', 'a', [], options)).rejects.toThrow(named)
    expect(await keysOf(server)).toEqual([])
  })

  test('rejects with REDIS_AWAY where Redis is not there, and does not wait for ever', async () => {
    const away = createNode({ redis: 'redis://127.0.0.1:1', redisWaitMs: 50 })
    await expect(away.push('q', 'a', [], { delayMs: 5 })).rejects.toMatchObject({
      code: 'REDIS_AWAY',
    })
    await away.stop()
  })

  describe('while a clock jumps', () => {
    test.each([
      ['forth', HOUR],
      ['back', -HOUR],
    ])('an hour %s, is neither early nor late', async (_what, ms) => {
      // From before: the reply may be read long after Redis has begun to count.
      const added = performance.now()
      await delay.add(600, 'normal', 'job')
      await jump(ms)
      expect((await isDue()) && performance.now() - added < 600).toBe(false)
      await until(isDue)
      expect(performance.now() - added).toBeGreaterThanOrEqual(590)
      expect(performance.now() - added).toBeLessThan(4000)
    })

    test('is not moved by one who comes anew while others have seen the time pass', async () => {
      await redis.zadd('{q}:workers', 0, 'other')
      await delay.add(60_000, 'normal', 'job')
      await jump(HOUR)
      await new Delay('q', connections).move()
      expect(await redis.llen('q')).toBe(0)
    })
  })

  test('is due at once where nobody was here while its time came', async () => {
    await delay.add(60_000, 'normal', 'job')
    // All have gone; an hour later somebody comes.
    await jump(HOUR)
    await new Delay('q', connections).move()
    expect(await listOf(server, 'q')).toEqual(['job'])
  })

  test('waits on where the name of its list is taken by something else', async () => {
    await redis.set('q', 'a string')
    await delay.add(0, 'normal', 'job')
    const from = performance.now()
    await delay.move()
    expect(await redis.zcard('{q}:delayed')).toBe(1)
    // Not at once: it would be asked for again and again.
    const waits = Number(await delay.move())
    expect(waits + performance.now() - from).toBeGreaterThan(500)
    await redis.del('q')
    await until(isDue)
    expect(await listOf(server, 'q')).toEqual(['job'])
  })

  test('is one of as many as were added, though they are equal', async () => {
    for (let i = 0; i < 3; i++) await delay.add(0, 'normal', 'same')
    await delay.move()
    expect(await listOf(server, 'q')).toEqual(['same', 'same', 'same'])
  })
})
