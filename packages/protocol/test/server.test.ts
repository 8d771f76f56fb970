/** What is read from INFO, and which servers are refused. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { describeWithRedis, startTestRedis, type TestRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import { areHandlesGone, handlesOfProcess } from '../../../test/helpers/watch'
import { checkRedis, readServerFacts } from '../src/redis/server'

const info = (fields: Record<string, string>): string =>
  Object.entries({
    redis_version: '7.0.15',
    run_id: 'aaaaaaaabbbbbbbb',
    maxmemory_policy: 'noeviction',
    role: 'master',
    master_replid2: 'ccccccccdddddddd',
    ...fields,
  })
    .map(([name, value]) => `${name}:${value}`)
    .join('\r\n')

describe('the facts of a server', () => {
  test('are its version and its epoch, which names the run and the data set', () => {
    expect(readServerFacts(info({}))).toEqual({ version: '7.0.15', epoch: 'aaaaaaaa.cccccccc' })
  })

  test('have another epoch after a restart, and after another data set has come', () => {
    const epochs = [
      info({}),
      info({ run_id: 'e'.repeat(40) }),
      info({ master_replid2: 'f'.repeat(40) }),
    ]
    expect(new Set(epochs.map((text) => readServerFacts(text).epoch)).size).toBe(3)
  })

  test.each(['7.0.0', '7.2.4', '8.0.0', '10.1.2', '255.255.255'])(
    'may be of version %s',
    (version) => {
      expect(readServerFacts(info({ redis_version: version })).version).toBe(version)
    },
  )

  test('may be without what a managed service hides', () => {
    expect(readServerFacts('redis_version:7.0.0\r\n')).toEqual({ version: '7.0.0', epoch: '.' })
  })

  test.each([
    ['too old', { redis_version: '6.2.14' }],
    ['too old', { redis_version: '2.8.0' }],
    ['may evict', { maxmemory_policy: 'allkeys-lru' }],
    ['may evict', { maxmemory_policy: 'volatile-ttl' }],
    ['replica', { role: 'slave' }],
  ])('are refused with REDIS_UNFIT where it is %s: %j', (reason, fields) => {
    const read = (): unknown => readServerFacts(info(fields))
    expect(read).toThrow(reason)
    expect(read).toThrow(expect.objectContaining({ code: 'REDIS_UNFIT' }))
  })
})

describeWithRedis('the check of a Redis', () => {
  let redis: TestRedis

  beforeAll(async () => {
    redis = await startTestRedis()
  })
  afterAll(() => redis.stop())

  test('tells what it found', async () => {
    const facts = await checkRedis(redis.url)
    expect(facts.version).toMatch(/^\d+\.\d+\.\d+$/)
    expect(facts.epoch).toMatch(/^[0-9a-f]{8}\.[0-9a-f]{8}$/)
    expect(await checkRedis({ host: '127.0.0.1', port: redis.port })).toEqual(facts)
  })

  test('says where it may evict, and where it wants a password', async () => {
    await redis.cli('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-random')
    await expect(checkRedis(redis.url)).rejects.toMatchObject({ code: 'REDIS_UNFIT' })
    await redis.cli('CONFIG', 'SET', 'maxmemory-policy', 'noeviction', 'requirepass', 'secret')
    const authorized = { host: '127.0.0.1', port: redis.port, password: 'secret' }
    await expect(checkRedis(redis.url)).rejects.toMatchObject({ code: 'REDIS_AWAY' })
    await expect(checkRedis({ ...authorized, password: 'wrong' })).rejects.toMatchObject({
      code: 'REDIS_AWAY',
    })
    await expect(checkRedis(authorized)).resolves.toBeInstanceOf(Object)
  })

  test('says where nobody answers, by the address', async () => {
    await redis.kill()
    const handles = handlesOfProcess()
    const asked = checkRedis(redis.url)
    await expect(asked).rejects.toMatchObject({ code: 'REDIS_AWAY' })
    await expect(asked).rejects.toThrow(`127.0.0.1:${redis.port}`)
    // Nothing of it keeps a program from ending that has been told so.
    await until(() => areHandlesGone(handles), 1500)
    await redis.start()
  })
})
