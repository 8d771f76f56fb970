/** A Redis that is away, comes back, is full, or will not do: no crash, no hang, the promised status, and then it works again. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import type { FrontOptions } from '@tempest/front'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { describeWithRedis, startTestRedis, type TestRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import { type Answer, ask, problemOf, RawClient } from './client'
import { closeAll, Hand, serve, type Served, work } from './serve'

describeWithRedis('a front whose Redis', () => {
  let redis: TestRedis
  beforeAll(async () => {
    redis = await startTestRedis()
  })
  afterEach(() => closeAll())
  afterAll(() => redis.stop())

  const start = (options: Partial<FrontOptions> = {}): Promise<Served> =>
    serve({ redis: redis.url, redisWaitMs: 100, ...options })
  const startConnected = async (options?: Partial<FrontOptions>): Promise<Served> => {
    const served = await start(options)
    await until(() => served.front.stats().connected)
    return served
  }
  const expect503 = (answer: Answer, code: string): void => {
    expect([answer.status, problemOf(answer)]).toMatchObject([503, { code }])
    const seconds = Number(answer.headers['retry-after'])
    expect(seconds).toBeGreaterThanOrEqual(1)
    expect(seconds).toBeLessThanOrEqual(60)
    expect(answer.text.replace(code, '')).not.toMatch(/redis|memory|evict|connect|OOM|:\d{4}/i)
  }

  test('is not there at the start answers 503 after redisWaitMs, and works when it appears', async () => {
    await redis.kill()
    const { port, front } = await start()
    const refused = await Promise.all([ask(port), ask(port, '/', { method: 'POST', body: 'x' })])
    for (const answer of refused) expect503(answer, 'REDIS_AWAY')
    expect(front.stats()).toMatchObject({ connected: false, inFlight: 0, heldChars: 0 })
    const patient = await start({ redisWaitMs: 20_000 })
    const waiting = ask(patient.port)
    await until(() => patient.front.stats().inFlight === 1)
    await redis.start()
    await work(redis.url, () => 'hello')
    expect((await waiting).text).toBe('hello')
    await until(() => front.stats().connected)
    expect((await ask(port)).text).toBe('hello')
  })

  test('is away holds no more of the requests that wait than maxHeldBytes', async () => {
    await redis.kill()
    const { port, front } = await start({ redisWaitMs: 20_000, maxHeldBytes: 4000 })
    const first = await RawClient.open(port)
    first.write(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3900\r\n\r\n${'x'.repeat(3900)}`)
    await until(() => front.stats().heldChars > 4000)
    expect503(await ask(port), 'IN_FLIGHT_FULL')
    first.leave()
    await until(() => front.stats().heldChars === 0)
    await redis.start()
    await work(redis.url, () => 'hello')
    expect((await ask(port)).text).toBe('hello')
  })

  test('is killed and started again while requests come goes on', async () => {
    const { port, front } = await startConnected({ redisWaitMs: 200 })
    await work(redis.url, () => 'hello')
    expect((await ask(port)).text).toBe('hello')
    let coming = true
    const statuses = new Set<number>()
    const load = Promise.all(
      [1, 2, 3, 4].map(async () => {
        while (coming) statuses.add((await ask(port)).status)
      }),
    )
    load.catch(() => undefined) // where the test has failed before it awaits this
    await redis.kill()
    await until(async () => (await ask(port)).status === 503)
    await redis.start()
    await until(async () => (await ask(port)).text === 'hello')
    coming = false
    await load
    for (const status of statuses) expect([200, 502, 503, 504]).toContain(status)
    expect(front.stats().inFlight).toBe(0)
    await until(() => front.stats().connected)
  })

  test('freezes: open requests run to their deadline, new ones get 503', async () => {
    // In the turn of the first request: later it could be known already, and that one be refused as well.
    const freeze = [() => redis.freeze()]
    const { port, front } = await serve({ redis: redis.url, redisWaitMs: 50 }, (made) => {
      const work = made.work('tempest', { deadlineMs: 1500 })
      return (req: IncomingMessage, res: ServerResponse) => {
        freeze.pop()?.()
        work(req, res)
      }
    })
    await until(() => front.stats().connected)
    try {
      const open = ask(port)
      await until(() => !front.stats().connected)
      expect503(await ask(port), 'REDIS_AWAY')
      expect((await open).status).toBe(504)
    } finally {
      redis.thaw()
    }
    await work(redis.url, () => 'thawed')
    await until(async () => (await ask(port)).text === 'thawed')
  })

  test('is full answers 503, and works when there is room', async () => {
    const { port } = await startConnected()
    await work(redis.url, () => 'hello')
    expect((await ask(port)).text).toBe('hello')
    await redis.cli('CONFIG', 'SET', 'maxmemory', '1')
    expect503(await ask(port), 'REDIS_REFUSED')
    expect503(await ask(port, '/', { method: 'POST', body: 'x' }), 'REDIS_REFUSED')
    await redis.cli('CONFIG', 'SET', 'maxmemory', '0')
    expect((await ask(port)).text).toBe('hello')
  })

  test('gets full while a job runs still hears its answer', async () => {
    const { port } = await startConnected()
    const hand = new Hand(redis.url)
    const open = ask(port)
    const job = await hand.pop()
    const script = "#!lua flags=allow-oom\nreturn redis.call('RPUSH', KEYS[1], ARGV[1])"
    await redis.cli('CONFIG', 'SET', 'maxmemory', '1')
    const entry = JSON.stringify(['answer', job.id, [200, {}, 'answered']])
    await redis.cli('EVAL', script, 1, job.respondTo ?? '', entry)
    expect((await open).text).toBe('answered')
    await redis.cli('CONFIG', 'SET', 'maxmemory', '0')
  })

  test('may evict answers 503 until it may not', async () => {
    await redis.kill()
    await redis.start('--maxmemory-policy', 'allkeys-lru')
    const { port, front } = await start()
    // It has to see that for itself, which may take longer than a request waits.
    const refused = await until(async () => {
      const answer = await ask(port)
      return answer.text.includes('REDIS_AWAY') ? undefined : answer
    })
    expect503(refused, 'REDIS_UNFIT')
    expect(front.stats().connected).toBe(false)
    await redis.cli('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
    await work(redis.url, () => 'hello')
    await until(async () => (await ask(port)).text === 'hello')
  })
})
