/** What supervisors and balancers are told: /healthz and /readyz, in good times and when Redis or the mailbox is gone. */
import { afterEach, expect, test } from '@jest/globals'
import { createFront, type Front } from '@tempest/front'
import connect from 'connect'
import { createServer } from 'node:http'
import { startProxy, type Proxy } from '../../../test/helpers/proxy'
import { describeWithRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import { type Answer, ask } from './client'
import { atClose, Hand, listen, serve, useRedis, work } from './serve'

/** Red within 2 s, and what a busy machine takes. */
const RED_MS = 2500

describeWithRedis('front.health()', () => {
  const redis = useRedis()
  const proxies: Proxy[] = []
  afterEach(async () => {
    for (const proxy of proxies.splice(0)) await proxy.stop()
  })

  const app = (front: Front) => connect().use(front.health()).use(front.work('tempest'))
  const ready = (port: number): Promise<Answer> => ask(port, '/readyz')
  const isReady = async (port: number): Promise<boolean> => (await ready(port)).status === 200

  async function behindProxy(): Promise<{ port: number; front: Front; proxy: Proxy }> {
    const proxy = await startProxy(Number(new URL(redis.url).port))
    proxies.push(proxy)
    const { port, front } = await serve({ redis: proxy.url }, app)
    await until(() => isReady(port))
    return { port, front, proxy }
  }

  /** How long, in ms, until it says 503 for this reason, among others; it may be green again a moment later. */
  async function redAfter(port: number, reason: string): Promise<number> {
    const from = performance.now()
    await until(async () => {
      const { status, text } = await ready(port)
      return status === 503 && (JSON.parse(text) as { failing: string[] }).failing.includes(reason)
    }, 10_000)
    return performance.now() - from
  }

  test('is ready once it has heard itself, says so in JSON that is not kept, and lives', async () => {
    const { port, front } = await serve({ redis: redis.url }, app)
    // Red again for a moment where this process stands still for about a second.
    const green = (method?: string): Promise<Answer> =>
      until(async () => {
        const answer = await ask(port, '/readyz', { method })
        return answer.status === 200 && answer
      })
    await until(() => front.stats().ready)
    const answer = await green()
    expect(JSON.parse(answer.text)).toEqual({ ready: true, failing: [] })
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json',
      'cache-control': 'no-store',
    })
    const lives = await ask(port, '/healthz?x=1')
    expect([lives.status, JSON.parse(lives.text)]).toEqual([200, { alive: true, failing: [] }])
    const head = await green('HEAD')
    expect([head.text, head.headers['content-length']]).toEqual(['', String(answer.body.length)])
  })

  test('passes on other methods and paths, and answers on a bare server without next with 404', async () => {
    const { port } = await serve({ redis: redis.url }, app)
    await work(redis.url, ({ method, url }) => `${method} ${url}`)
    expect((await ask(port, '/readyz', { method: 'POST' })).text).toBe('POST /readyz')
    expect((await ask(port, '/readyz/more')).text).toBe('GET /readyz/more')
    const front = createFront({ redis: redis.url, drainMs: 0 })
    atClose(() => front.stop())
    const bare = await listen(createServer(front.health()))
    expect((await ask(bare, '/healthz')).status).toBe(200)
    expect((await ask(bare, '/else')).status).toBe(404)
  })

  test('serves where it is mounted, and leaves the paths of the root to the queue', async () => {
    const { port } = await serve({ redis: redis.url }, (front) =>
      connect().use('/internal', front.health()).use(front.work('tempest')),
    )
    await work(redis.url, () => 'the queue')
    await until(async () => (await ask(port, '/internal/readyz')).status === 200)
    expect((await ask(port, '/readyz')).text).toBe('the queue')
  })

  test('costs nothing where it was not called: no message goes through the mailbox', async () => {
    const { front, port } = await serve({ redis: redis.url })
    await work(redis.url, () => 'ok')
    await until(() => front.stats().ready)
    await redis.cli('CONFIG', 'RESETSTAT')
    const since = performance.now()
    await until(() => performance.now() - since > 1200)
    expect(String(await redis.cli('INFO', 'commandstats'))).not.toContain('cmdstat_rpush:')
    expect((await ask(port)).text).toBe('ok')
  })

  test.each(['from-redis', 'both'] as const)(
    'turns red within 2 s when its mailbox connection is deaf (%s), and green again',
    async (how) => {
      const { port, proxy } = await behindProxy()
      proxy.cut(how, ['mailbox'])
      expect(await redAfter(port, 'mailbox')).toBeLessThan(RED_MS)
      await until(() => isReady(port), 10_000)
    },
  )

  test('turns red within 2 s when Redis is gone, lives on, and is green when it is back', async () => {
    const { port, proxy } = await behindProxy()
    proxy.refuse()
    expect(await redAfter(port, 'redis')).toBeLessThan(RED_MS)
    expect((await ask(port, '/healthz')).status).toBe(200)
    proxy.restore()
    await until(() => isReady(port), 10_000)
  })

  test('turns red at once when the front stops, while it still serves', async () => {
    const { front, port } = await serve({ redis: redis.url, unreadyMs: 2000, drainMs: 10_000 }, app)
    await until(() => isReady(port))
    const open = ask(port, '/')
    const job = await new Hand(redis.url).pop()
    const stopped = front.stop()
    const answer = await ready(port)
    expect([answer.status, answer.headers.connection]).toEqual([503, 'close'])
    expect(JSON.parse(answer.text)).toEqual({ ready: false, failing: ['stopping'] })
    expect((await ask(port, '/healthz')).status).toBe(200)
    await job.answer([200, {}, 'served'])
    expect((await open).text).toBe('served')
    await stopped
  })
})
