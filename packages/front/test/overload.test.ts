/** maxWaitMs: a request that would wait too long is told so at once; nobody is told so where that is not known. */
import { expect, test } from '@jest/globals'
import type { WorkOptions } from '@tempest/front'
import { describeWithRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import { type Answer, ask, problemOf, RawClient } from './client'
import { atClose, Hand, serve, useRedis, work } from './serve'

describeWithRedis('front.work with maxWaitMs', () => {
  const redis = useRedis()

  const start = async (options: WorkOptions): Promise<number> =>
    (await serve({ redis: redis.url }, (front) => front.work('tempest', options))).port

  /** 2000 jobs from elsewhere wait, of which some 100 a second are taken until the end of the test. */
  async function crowd(): Promise<void> {
    const jobs = Array.from({ length: 2000 }, (_, i) => JSON.stringify(['url', [], null, `x-${i}`]))
    await redis.cli('RPUSH', 'tempest', ...jobs)
    const { redis: hand } = new Hand(redis.url)
    const timer = setInterval(() => void hand.lpop('tempest', 2).catch(() => undefined), 20)
    atClose(() => clearInterval(timer))
  }

  /** Asks, and leaves, until it is refused. */
  async function refusal(port: number, headers: Record<string, string> = {}): Promise<Answer> {
    return until(async () => {
      const asking = ask(port, '/', { headers, signal: AbortSignal.timeout(100) })
      return asking.catch(() => undefined)
    }, 10_000)
  }

  test('refuses with 503 and Retry-After before anything is pushed', async () => {
    const port = await start({ maxWaitMs: 2000 })
    await crowd()
    const refused = await refusal(port)
    expect(refused.status).toBe(503)
    expect(problemOf(refused)).toMatchObject({ code: 'BACKLOG_FULL' })
    const seconds = Number(refused.headers['retry-after'])
    expect(seconds).toBeGreaterThan(5)
    expect(seconds).toBeLessThanOrEqual(60)
  })

  test('refuses before the body is asked for', async () => {
    const port = await start({ maxWaitMs: 2000 })
    await crowd()
    await refusal(port)
    const client = await RawClient.open(port)
    client.write('POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n')
    await client.hears('BACKLOG_FULL')
    expect(client.text).toMatch(/^HTTP\/1\.1 503 /)
  })

  test('is a value or a function of the request; by default an eighth of its deadline', async () => {
    const own = {
      maxWaitMs: (req: { headers: NodeJS.Dict<unknown> }) => Number(req.headers['x-wait']),
    }
    const deadline = {
      deadlineMs: (req: { headers: NodeJS.Dict<unknown> }) => Number(req.headers['x-wait']) * 8,
    }
    const ports = [await start(own), await start(deadline)]
    await crowd()
    for (const port of ports) {
      expect((await refusal(port, { 'x-wait': '2000' })).status).toBe(503)
      const asking = ask(port, '/', {
        headers: { 'x-wait': '600000' },
        signal: AbortSignal.timeout(300),
      })
      await expect(asking).rejects.toThrow('abort')
    }
    const bad = await ask(ports[0] ?? 0, '/', { headers: { 'x-wait': 'long' } })
    expect([bad.status, problemOf(bad)]).toMatchObject([500, { code: 'INTERNAL' }])
  })

  test('queues a burst that comes while no worker is there, also one that takes longer than that', async () => {
    const port = await start({ maxWaitMs: 1, deadlineMs: 20_000 })
    const burst = Array.from({ length: 200 }, () => ask(port))
    await until(async () => (await redis.cli('LLEN', 'tempest')) === 200)
    await work(redis.url, () => 'served')
    for (const answer of await Promise.all(burst)) expect(answer.text).toBe('served')
  })
})
