/** How many jobs wait, as far as a node knows: what its pushes tell, what it asks, and what it tells a refused client. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { describeWithRedis, startTestRedis, type TestRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import { callsOf } from '../../../test/helpers/watch'
import { Backlog } from '../src/queue/backlog'
import { Link } from '../src/redis/link'
import { createTemplate } from '../src/redis/template'
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

  /**
   * Workers that take so many each 20 ms, while others push as many each 20 ms; until `ended`, which is asked behind what is due in
   * the same turn: what it has Redis asked for is of that moment, however late this process is.
   */
  async function drain(taken: number, pushed: number, ended: () => boolean): Promise<void> {
    const from = performance.now()
    let rounds = 0
    let last: Promise<unknown> = Promise.resolve()
    while (performance.now() - from < 10_000) {
      const due = Math.floor((performance.now() - from) / 20) - rounds
      rounds += due
      if (due > 0) {
        const jobs = Array.from({ length: due * pushed }, (_, i) => `${rounds}-${i}`)
        if (jobs.length > 0) void link.send('rpush', ['tempest', ...jobs])
        last = link.send('lpop', ['tempest', due * taken])
      }
      if (ended()) break
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await last
  }

  test('tells how long one more would wait, whoever else pushes, of jobs of its own priority only', async () => {
    const others = Array.from({ length: 2000 }, (_, i) => `first-${i}`)
    await redis.cli('RPUSH', 'tempest', ...others)
    let [waitMs, size] = [0, 0]
    // 500 a second leave, 400 a second come from elsewhere: this node pushes nothing.
    await drain(10, 8, () => {
      backlog.refresh()
      waitMs = backlog.waitMs('normal', performance.now())
      size = backlog.size
      return waitMs > 0
    })
    expect(waitMs / (size / 0.5)).toBeGreaterThan(0.6)
    expect(waitMs / (size / 0.5)).toBeLessThan(1.6)
    expect(backlog.waitMs('high', performance.now())).toBe(0)
  })

  test('does not take a list for slow that stands behind another for now', async () => {
    await redis.cli('RPUSH', '{tempest}:low', ...Array.from({ length: 500 }, (_, i) => i))
    await redis.cli('RPUSH', 'tempest', ...Array.from({ length: 5000 }, (_, i) => i))
    const from = performance.now()
    let taken = 0
    const taking = setInterval(() => {
      taken += 20
      void link.send('lpop', ['tempest', 20]).catch(() => undefined)
      if (Math.random() < 0.3) void link.send('lpop', ['{tempest}:low']).catch(() => undefined)
    }, 20)
    try {
      backlog.refresh()
      const waitMs = await until(() => {
        const ms = backlog.waitMs('low', performance.now())
        return ms > 0 && ms
      })
      const perSecond = (taken * 1000) / (performance.now() - from)
      // All that waits at 1000 a second (less where the timer was late), not the low ones at the 15 a second that get through meanwhile.
      expect(waitMs).toBeLessThan((7000 * 1000) / Math.min(perSecond, 1000))
      expect(waitMs).toBeGreaterThan(1000)
    } finally {
      clearInterval(taking)
    }
  })

  test('does not know it of a queue that never waits, whatever is asked of it', async () => {
    let over = false
    const draining = drain(5, 5, () => over)
    const since = performance.now()
    await until(() => {
      backlog.refresh()
      expect(backlog.waitMs('normal', performance.now())).toBe(0)
      return performance.now() - since > 1000
    })
    over = true
    await draining
    backlog.sending(5000)
    expect(backlog.waitMs('normal', performance.now())).toBe(0)
    backlog.sent('normal', 5000, undefined)
  })

  test('does not know it where nothing drains: neither before the first worker nor after the last', async () => {
    await redis.cli('RPUSH', 'tempest', ...Array.from({ length: 3000 }, (_, i) => i))
    const since = performance.now()
    await until(() => {
      backlog.refresh()
      expect(backlog.waitMs('normal', performance.now())).toBe(0)
      return performance.now() - since > 500 && backlog.size === 3000
    })
    let known = false
    const draining = drain(10, 0, () => known)
    await until(() => backlog.waitMs('normal', performance.now()) > 0)
    known = true
    await draining
    await until(() => backlog.waitMs('normal', performance.now()) === 0)
    expect(backlog.size).toBeGreaterThan(1000)
  })
})
