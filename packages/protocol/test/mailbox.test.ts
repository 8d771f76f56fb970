/** The reader of a mailbox: it loses nothing, whatever happens to its connection, its list or the memory of Redis. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import type { Redis } from 'ioredis'
import { cutAtRandom } from '../../../test/helpers/cut'
import { describeWithRedis, startTestRedis, type TestRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import { callsOf, clientsOf, keysOf, workKeysOf } from '../../../test/helpers/watch'
import { Connections } from '../src/redis/connections'
import { Mailbox } from '../src/exchange/mailbox'
import { resolveNodeOptions } from '../src/options'

describeWithRedis('a mailbox', () => {
  let redis: TestRedis
  let writer: Redis
  const open: { connections: Connections; mailbox: Mailbox }[] = []

  /** A reader and all it was given, in order. */
  const make = (): { mailbox: Mailbox; got: string[]; lengths: number[] } => {
    const connections = new Connections(resolveNodeOptions({ redis: redis.url }), {
      up: () => undefined,
      down: () => undefined,
    })
    const got: string[] = []
    const lengths: number[] = []
    const mailbox = new Mailbox(connections, (entry) => {
      lengths.push(entry.length)
      got.push(entry.subarray(0, 20).toString('utf8').trim())
    })
    open.push({ connections, mailbox })
    return { mailbox, got, lengths }
  }
  const isEmpty = async (): Promise<boolean> => (await workKeysOf(redis)).length === 0
  const isParked = async (): Promise<boolean> =>
    (await clientsOf(redis)).some(({ cmd, blocked }) => cmd === 'blmove' && blocked)
  const close = async (): Promise<void> => {
    for (const { connections, mailbox } of open.splice(0)) {
      await mailbox.stop()
      connections.close()
    }
  }

  beforeAll(async () => {
    redis = await startTestRedis()
    writer = redis.client()
  })
  afterEach(async () => {
    await close()
    await redis.cli('FLUSHALL')
  })
  afterAll(() => redis.stop())

  test('is read in order, each entry once, and emptied', async () => {
    const { mailbox, got } = make()
    const all = Array.from({ length: 2000 }, (_, i) => String(i))
    for (let i = 0; i < all.length; i += 100)
      await writer.rpush(mailbox.key, ...all.slice(i, i + 100))
    await until(() => got.length >= all.length)
    expect(got).toEqual(all)
    await until(isEmpty)
  })

  test('is read while it is empty as soon as something comes, without asking again and again', async () => {
    const { mailbox, got } = make()
    await until(isParked)
    await redis.cli('CONFIG', 'RESETSTAT')
    await writer.rpush(mailbox.key, 'one')
    await until(() => got.length === 1)
    await until(isParked)
    expect(await callsOf(redis, 'blmove')).toBeLessThanOrEqual(2)
  })

  test('takes 5,000 entries at once, among them many of 100 KB, in reads of about 4 MB', async () => {
    const { mailbox, got, lengths } = make()
    const size = (i: number): number => (i % 50 === 7 ? 100_000 : 20)
    const all = Array.from({ length: 5000 }, (_, i) => String(i).padEnd(size(i)))
    await writer.rpush(mailbox.key, ...all)
    await until(() => got.length >= all.length)
    expect(got).toEqual(all.map((entry) => entry.trim()))
    expect(lengths).toEqual(all.map((entry) => entry.length))
    await until(isEmpty)
  })

  test('sizes its reads by what it has read: large entries do not make large reads', async () => {
    const { mailbox, got } = make()
    await until(isParked)
    // The first is read alone or with few, since it is what ends the parking; it tells how large they are.
    await writer.rpush(mailbox.key, ' '.repeat(1_000_000))
    await until(() => got.length === 1)
    await redis.cli('CONFIG', 'RESETSTAT')
    const [first, ...rest] = Array.from({ length: 24 }, (_, i) => String(i).padEnd(1_000_000))
    await writer.rpush(mailbox.key, String(first), ...rest)
    await until(() => got.length === 25)
    // 24 MB in reads of 4 MB.
    expect(await callsOf(redis, 'lrange')).toBeGreaterThanOrEqual(6)
  })

  test('loses nothing and keeps the order while its connections are cut at random', async () => {
    const cutter = cutAtRandom(redis, [await writer.client('ID')])
    const { mailbox, got } = make()
    let written = 0
    try {
      while (cutter.cuts < 12) {
        const count = 1 + (written % 40)
        await writer.rpush(mailbox.key, ...Array.from({ length: count }, () => String(written++)))
      }
    } finally {
      await cutter.stop()
    }
    const all = Array.from({ length: written }, (_, i) => String(i))
    await until(() => new Set(got).size === written)
    // Repeats there may be; the first sight of each comes in the order of the list.
    expect([...new Set(got)]).toEqual(all)
    await until(isEmpty)
    expect(new Set(got).size).toBe(written)
  })

  test('loses no head that arrives right after the peek has come back empty', async () => {
    const { mailbox, got } = make()
    for (let round = 0; round < 5; round++) {
      await until(isParked)
      const [parked] = (await clientsOf(redis)).filter(({ blocked }) => blocked)
      // In one step: the peek ends with nothing, and the list is full when the command behind it reads it.
      await writer
        .multi()
        .call('CLIENT', 'UNBLOCK', String(parked?.id))
        .rpush(mailbox.key, `${round} a`, `${round} b`, `${round} c`)
        .exec()
      await until(() => got.includes(`${round} c`))
      await until(isEmpty)
    }
    const all = [0, 1, 2, 3, 4].flatMap((round) => ['a', 'b', 'c'].map((x) => `${round} ${x}`))
    expect(got).toEqual(all)
  })

  test('is read again after something else had its name for a while', async () => {
    const { mailbox, got } = make()
    await writer.rpush(mailbox.key, 'before')
    await until(() => got.includes('before'))
    await until(isEmpty)
    await writer.set(mailbox.key, 'not a list')
    await until(async () => (await callsOf(redis, 'lrange')) > 3)
    await writer.del(mailbox.key)
    await writer.rpush(mailbox.key, 'after')
    await until(() => got.includes('after'))
    await until(isEmpty)
  })

  test('is read where Redis is full, and parks again once it is not', async () => {
    const { mailbox, got } = make()
    await writer.rpush(mailbox.key, ...Array.from({ length: 1000 }, (_, i) => String(i)))
    await redis.cli('CONFIG', 'SET', 'maxmemory', 1)
    try {
      const source = "#!lua flags=allow-oom\nreturn redis.call('RPUSH', KEYS[1], unpack(ARGV))"
      for (let i = 1000; i < 1100; i++) await writer.eval(source, 1, mailbox.key, String(i))
      await until(() => got.length >= 1100)
      await until(isEmpty)
    } finally {
      await redis.cli('CONFIG', 'SET', 'maxmemory', 0)
    }
    await writer.rpush(mailbox.key, '1100')
    await until(() => got.length >= 1101)
    expect(got).toEqual(Array.from({ length: 1101 }, (_, i) => String(i)))
    await until(isParked)
  })

  test('is gone when it has stopped, with what came too late', async () => {
    const { mailbox } = make()
    await until(isParked)
    await writer.rpush('other', 'stays')
    // It cannot be read away.
    await writer.set(mailbox.key, 'not a list')
    await close()
    expect(await keysOf(redis)).toEqual(['other'])
    await until(async () => (await clientsOf(redis)).length === 1)
    // Nothing makes it anew: nobody is parked on it any more.
    await writer.rpush(mailbox.key, 'late')
    expect(await writer.llen(mailbox.key)).toBe(1)
  })

  test('lives while its node lives: a time to live that somebody sets on it is put off', async () => {
    const { mailbox } = make()
    await until(isParked)
    // Something that is not read away meanwhile.
    await writer.set(mailbox.key, 'not a list', 'EX', 60)
    await until(async () => (await writer.ttl(mailbox.key)) > 3000)
    await writer.del(mailbox.key)
  })
})
