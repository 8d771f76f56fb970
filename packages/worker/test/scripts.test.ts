/** The worker's scripts, each against seeded lists: what stands where before, what after, what is returned. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { type Link, listOf, pushEntries, settle, verdictOf } from '@tempest/protocol'
import type { Redis } from 'ioredis'
import { describeWithRedis, startTestRedis, type TestRedis } from '../../../test/helpers/redis'
import { beatScript, returnScript, takeScript } from '../src/scripts'

const [high, normal, low, held] = ['{q}:high', 'q', '{q}:low', '{q}:held:b']
const registered = '{q}:workers'

describeWithRedis('scripts of the worker', () => {
  let server: TestRedis
  let redis: Redis

  beforeAll(async () => {
    server = await startTestRedis()
    redis = server.client()
  })
  beforeEach(async () => {
    await redis.flushall()
    await redis.zadd(registered, 0, 'b')
  })
  afterAll(() => server.stop())

  const list = (key: string): Promise<string[]> => redis.lrange(key, 0, -1)
  const seed = async (lists: Record<string, readonly (string | number)[]>): Promise<void> => {
    for (const [key, entries] of Object.entries(lists)) await redis.rpush(key, ...entries)
  }
  const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i)
  /** Runs as on a Redis that has no memory left. */
  const whileFull = async (run: () => Promise<unknown>): Promise<void> => {
    await redis.config('SET', 'maxmemory', 1)
    try {
      await expect(redis.rpush('any', 'x')).rejects.toThrow('OOM')
      await run()
    } finally {
      await redis.config('SET', 'maxmemory', 0)
    }
  }

  describe('take', () => {
    interface Terms {
      n: number
      workers?: number
      drop?: number
      quotas?: readonly [number, number, number]
      /** 1: from the head of held, -1: from its end. */
      count?: 1 | -1
      raws?: readonly string[]
    }
    const call = (terms: Terms): Promise<unknown> => {
      const { n, workers = 1, drop = 0, quotas = [n, n, n], count = 1, raws = [] } = terms
      const args = [n, workers, drop, ...quotas, count, 'b', ...raws]
      return redis.eval(takeScript.source, 5, high, normal, low, held, registered, ...args)
    }
    /** Without the time, which stands second. */
    const take = async (terms: Terms): Promise<unknown> => {
      const reply = (await call(terms)) as unknown[]
      return reply.filter((_each, i) => i !== 1)
    }

    test('moves what there is, high before normal before low, to the end of held, and says where from', async () => {
      await seed({ [held]: ['old'], [high]: ['h1', 'h2'], [normal]: ['n1'], [low]: ['l1', 'l2'] })
      expect(await take({ n: 10 })).toEqual([0, [1, 'h1', 'h2'], [2, 'n1'], [3, 'l1', 'l2']])
      expect(await list(held)).toEqual(['old', 'h1', 'h2', 'n1', 'l1', 'l2'])
      expect((await redis.keys('*')).sort()).toEqual([held, registered].sort())
    })

    test('moves no more than n, and says that there may be more', async () => {
      await seed({ [high]: ['h1', 'h2'], [normal]: ['n1', 'n2'] })
      expect(await take({ n: 3 })).toEqual([1, [1, 'h1', 'h2'], [2, 'n1']])
      expect(await take({ n: 1 })).toEqual([1, [2, 'n2']])
      expect(await take({ n: 1 })).toEqual([0])
    })

    test('moves never more than 500', async () => {
      await seed({ [normal]: numbers(1200) })
      await take({ n: 10_000 })
      expect([await redis.llen(held), await redis.llen(normal)]).toEqual([500, 700])
    })

    test.each([
      [10, 1, 64, 10],
      [10, 2, 64, 5],
      [11, 2, 64, 6],
      [10, 3, 64, 4],
      [1, 5, 64, 1],
      [3, 50, 64, 1],
      [100, 2, 7, 7],
      [100, 2, 1, 1],
    ])(
      'of %d waiting jobs with %d workers it moves, asked for %d, its share of %d',
      async (waiting, workers, n, moved) => {
        const third = Math.floor(waiting / 3)
        const lists = { [high]: third, [low]: third, [normal]: waiting - 2 * third }
        for (const [key, count] of Object.entries(lists)) {
          if (count > 0) await redis.rpush(key, ...numbers(count))
        }
        await take({ n, workers })
        expect(await redis.llen(held)).toBe(moved)
      },
    )

    test('takes at first what each list is given, then what is missing in order', async () => {
      const all = {
        [high]: ['h1', 'h2', 'h3'],
        [normal]: ['n1', 'n2', 'n3'],
        [low]: ['l1', 'l2', 'l3'],
      }
      await seed(all)
      expect(await take({ n: 6, quotas: [3, 2, 1] })).toEqual([
        1,
        [1, 'h1', 'h2', 'h3'],
        [2, 'n1', 'n2'],
        [3, 'l1'],
      ])
      await redis.flushall()
      await redis.zadd(registered, 0, 'b')
      await seed({ [high]: ['h1'], [low]: ['l1', 'l2', 'l3'], [normal]: ['n1', 'n2'] })
      expect(await take({ n: 5, quotas: [3, 1, 1] })).toEqual([
        1,
        [1, 'h1'],
        [2, 'n1'],
        [3, 'l1'],
        [2, 'n2'],
        [3, 'l2'],
      ])
      expect(await list(held)).toEqual(['h1', 'n1', 'l1', 'n2', 'l2'])
    })

    test('removes what is finished: at the head by count, elsewhere by its bytes, once each', async () => {
      await seed({ [held]: ['a', 'b', 'c', 'd', 'c'], [normal]: ['n'] })
      expect(await take({ n: 0, drop: 2, raws: ['c'] })).toEqual([0])
      expect(await list(held)).toEqual(['d', 'c'])
      expect(await take({ n: 1, drop: 1 })).toEqual([1, [2, 'n']])
      expect(await list(held)).toEqual(['c', 'n'])
    })

    test('looks for what is finished from the end of held where it is told so', async () => {
      await seed({ [held]: ['a', 'c', 'd', 'c', 'e'] })
      expect(await take({ n: 0, drop: 1, count: -1, raws: ['c', 'e'] })).toEqual([0])
      expect(await list(held)).toEqual(['c', 'd'])
    })

    test('carries bytes as they are', async () => {
      const bytes = Buffer.from([0xff, 0x00, 0x0a, 0xc3])
      await redis.rpush(normal, bytes)
      await take({ n: 1 })
      expect(await redis.lrangeBuffer(held, 0, -1)).toEqual([bytes])
    })

    test('puts back what it took where held is taken by something else', async () => {
      await seed({ [high]: ['h1', 'h2'], [normal]: ['n1', 'n2'] })
      await redis.set(held, 'not a list')
      await expect(take({ n: 10 })).rejects.toThrow('WRONGTYPE')
      expect([await list(high), await list(normal)]).toEqual([
        ['h1', 'h2'],
        ['n1', 'n2'],
      ])
    })

    test('runs on a full Redis', async () => {
      await seed({ [normal]: ['n1'], [held]: ['a'] })
      await whileFull(() => take({ n: 5, drop: 1 }))
      expect(await list(held)).toEqual(['n1'])
    })
  })

  describe('return', () => {
    const giveBack = (key: string, ...jobs: string[]): Promise<unknown> =>
      redis.eval(returnScript.source, 2, held, key, ...jobs)

    test('puts jobs back to the head of their list in their order', async () => {
      await seed({ [held]: ['a', 'n1', 'b', 'n2', 'n3'], [normal]: ['n4'] })
      expect(await giveBack(normal, 'n3', 'n2', 'n1')).toBe(3)
      expect([await list(normal), await list(held)]).toEqual([
        ['n1', 'n2', 'n3', 'n4'],
        ['a', 'b'],
      ])
    })

    test('puts back no job that is not held any more: it belongs to somebody else', async () => {
      await seed({ [held]: ['n2'] })
      expect(await giveBack(normal, 'n2', 'n1')).toBe(1)
      expect(await list(normal)).toEqual(['n2'])
    })

    test('moves nothing where the list has become something else', async () => {
      await seed({ [held]: ['n1', 'n2'] })
      await redis.set(normal, 'not a list')
      await expect(giveBack(normal, 'n2', 'n1')).rejects.toThrow('WRONGTYPE')
      expect(await list(held)).toEqual(['n1', 'n2'])
    })

    test('takes of equal jobs the one that came last, and as many as were given', async () => {
      await seed({ [held]: ['x', 'a', 'x', 'x'] })
      expect(await giveBack(normal, 'x', 'x')).toBe(2)
      expect([await list(normal), await list(held)]).toEqual([
        ['x', 'x'],
        ['x', 'a'],
      ])
    })

    test('runs on a full Redis', async () => {
      await seed({ [held]: ['n1'] })
      await whileFull(() => giveBack(high, 'n1'))
      expect(await list(high)).toEqual(['n1'])
    })
  })

  describe('answer', () => {
    const run = (script: { source: string }, lists: string[], args: string[]): unknown =>
      redis.eval(script.source, lists.length, ...lists, ...args)
    const answer = (...entries: string[]): Promise<unknown> =>
      pushEntries({ script: run } as unknown as Link, 'mailbox', entries)

    test('appends entries in order and tells the length', async () => {
      expect([await answer('a', 'b'), await answer('c')]).toEqual([2, 3])
      expect(await list('mailbox')).toEqual(['a', 'b', 'c'])
    })

    test('gives a mailbox it makes a time to live, and leaves that of one there is alone', async () => {
      await answer('a')
      expect(await redis.ttl('mailbox')).toBeGreaterThan(3500)
      await redis.persist('mailbox')
      await answer('b')
      expect(await redis.ttl('mailbox')).toBe(-1)
    })

    test('takes 500 entries at once', async () => {
      expect(await answer(...numbers(500).map(String))).toBe(500)
    })

    test('runs on a full Redis', async () => {
      await whileFull(() => answer('a'))
      expect(await list('mailbox')).toEqual(['a'])
    })
  })

  describe('settle, of entries that could not be decoded,', () => {
    const bury = async (entry: string): Promise<unknown> => {
      const run = (script: { source: string }, lists: string[], args: string[]): unknown =>
        redis.eval(script.source, lists.length, ...lists, ...args)
      const raw = Buffer.from(entry)
      const nothing = { suspects: new Set<string>(), began: 'all', epoch: '' } as const
      const never = { untilMs: () => Infinity, isCancelled: () => false }
      const verdict = verdictOf(raw, { ...nothing, ...never })
      const cause = { code: 'BAD_REQUEST', at: 1, reason: 'BAD_REQUEST', swept: false }
      return settle({ script: run } as unknown as Link, 'q', 'b', raw, verdict, cause)
    }

    test('keeps the newest 1000, as they were, and takes each out of held', async () => {
      const entries = numbers(1002).map((n) => `no job ${n}`)
      await seed({ [held]: [...entries, 'other'] })
      const outcomes = new Set<unknown>()
      for (const entry of entries) outcomes.add(await bury(entry))
      expect([...outcomes]).toEqual(['bury'])
      expect(await list('{q}:dead')).toEqual(entries.slice(2).reverse())
      expect(await list(held)).toEqual(['other'])
    })

    test('keeps nothing of one that is not held', async () => {
      expect(await bury('no job')).toBe('gone')
      expect(await redis.exists('{q}:dead')).toBe(0)
    })

    test('runs on a full Redis', async () => {
      await seed({ [held]: ['no job'] })
      await whileFull(() => bury('no job'))
      expect(await list('{q}:dead')).toEqual(['no job'])
    })
  })

  describe('beat', () => {
    const beat = (boot: string, silentMs = 5000): Promise<unknown> =>
      redis
        .eval(beatScript.source, 3, 'workers', 'budget', 'delayed', boot, silentMs, 0, 0.1, 64, 1)
        .then((reply) => listOf(reply)[0])

    test('counts those that live, each once', async () => {
      expect([await beat('a'), await beat('b'), await beat('a'), await beat('c')]).toEqual([
        1, 2, 2, 3,
      ])
    })

    test('forgets those that were silent for too long', async () => {
      await redis.call('ZADD', 'workers', Date.now() - 6000, 'dead')
      await redis.call('ZADD', 'workers', Date.now() - 1000, 'slow')
      expect(await beat('a')).toBe(2)
      expect(await redis.zrange('workers', '0', '-1')).toEqual(['slow', 'a'])
    })

    test('runs on a full Redis', async () => {
      await whileFull(() => beat('a'))
      expect(await redis.zcard('workers')).toBe(1)
    })
  })
})
