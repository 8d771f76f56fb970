/** How many jobs wait, as far as a node knows: what its pushes tell, what it asks, and what it tells a refused client. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { describeWithRedis, startTestRedis, type TestRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import { callsOf } from '../../../test/helpers/watch'
import { Backlog } from '../src/backlog'
import { Link } from '../src/link'
import { createTemplate } from '../src/template'
import { silentLogger } from '../src/logger'

describeWithRedis('a backlog', () => {
  let redis: TestRedis
  let link: Link
  let backlog: Backlog

  beforeAll(async () => {
    redis = await startTestRedis()
    link = new Link('test', createTemplate(redis.url), 3000, silentLogger, {})
    await until(() => link.up)
  })
  beforeEach(() => {
    backlog = new Backlog('tempest', link)
  })
  afterEach(() => redis.cli('FLUSHALL'))
  afterAll(async () => {
    link.close()
    await redis.stop()
  })

  test('counts what is on its way, and learns the lengths from the replies', () => {
    backlog.sending(3)
    backlog.sending(2)
    expect(backlog.size).toBe(5)
    backlog.sent('normal', 3, 10)
    expect(backlog.size).toBe(12)
    backlog.sent('high', 2, undefined) // the push failed
    expect(backlog.size).toBe(10)
    backlog.sending(1)
    backlog.sent('low', 1, 4)
    expect(backlog.size).toBe(14)
  })

  test('is full from maxBacklog on, and asks nothing while it is far from that', async () => {
    backlog.sending(3)
    backlog.sent('normal', 3, 3)
    await redis.cli('CONFIG', 'RESETSTAT')
    expect([backlog.full(7), backlog.full(100)]).toEqual([false, false])
    await link.send('ping', [])
    expect(await callsOf(redis, 'llen')).toBe(0)
    expect([backlog.full(4), backlog.full(3), backlog.full(1)]).toEqual([false, true, true])
  })

  test('notices when others have made room, or filled it, in any of the lists', async () => {
    backlog.sending(100)
    backlog.sent('normal', 100, 100)
    expect(backlog.full(100)).toBe(true)
    await until(() => !backlog.full(100))
    await redis.cli('RPUSH', '{tempest}:high', 1, 2)
    await redis.cli('RPUSH', '{tempest}:low', 3)
    await until(() => {
      backlog.refresh()
      return backlog.size === 3
    })
  })

  test('asks for all lengths at most every 100 ms, however many ask it', async () => {
    await redis.cli('CONFIG', 'RESETSTAT')
    for (let i = 0; i < 1000; i++) backlog.refresh()
    await link.send('ping', [])
    for (let i = 0; i < 1000; i++) backlog.refresh()
    await link.send('ping', [])
    expect(await callsOf(redis, 'llen')).toBeLessThanOrEqual(6)
  })

  test('tells a refused client to come back after 1 s where nothing waits, after 60 where nothing drains', async () => {
    expect(backlog.retryAfterS).toBe(1)
    await redis.cli('RPUSH', 'tempest', ...Array.from({ length: 50 }, (_, i) => i))
    await until(() => {
      backlog.refresh()
      return backlog.size === 50
    })
    expect(backlog.retryAfterS).toBe(60)
  })

  test('tells a refused client how long the backlog takes at the rate it drains', async () => {
    const waiting = Array.from({ length: 1000 }, (_, i) => i)
    await redis.cli('RPUSH', 'tempest', ...waiting)
    await until(() => {
      backlog.refresh()
      return backlog.size === 1000
    })
    await redis.cli('LTRIM', 'tempest', 990, -1)
    await until(() => {
      backlog.refresh()
      return backlog.size === 10
    })
    // 990 went since the last look: whatever the rate is by the clock, 10 more take less than a minute.
    expect(backlog.retryAfterS).toBeGreaterThanOrEqual(1)
    expect(backlog.retryAfterS).toBeLessThan(60)
  })
})
