/** Workers of before 2013 unmodified: `respond_to` is `host:port`, and they reply there with `url <job_id> <json>`. */
import { expect, test } from '@jest/globals'
import { Redis } from 'ioredis'
import { describeWithRedis } from '../../../../test/helpers/redis'
import { until } from '../../../../test/helpers/until'
import { ask } from '../client'
import { atClose, Hand, listen, serve, type Served, useRedis, work } from '../serve'
import { createServer } from 'node:http'

describeWithRedis('a front with `legacy`', () => {
  const redis = useRedis()

  async function legacy(port = 0): Promise<Served & { address: string }> {
    const served = await serve({ redis: redis.url, direct: { port }, legacy: true })
    const address = await until(() => served.front.stats().direct?.address)
    const { boot } = served.front.stats()
    await until(async () => (await redis.cli('GET', `tempest:claim:${address}`)) === boot)
    return { ...served, address }
  }

  /** As old clients do it: it splits the address at the colon, is content with a ready check, and replies. */
  async function reply(to: string, id: string, ...args: string[]): Promise<unknown> {
    const [host = '', port] = to.split(':')
    const client = new Redis({ host, port: Number(port), protocol: 2, maxRetriesPerRequest: 0 })
    atClose(() => client.disconnect())
    return client.call('url', id, ...args)
  }

  test('gives jobs its address, takes `url` there, and says OK whatever becomes of it', async () => {
    const { port, address } = await legacy()
    const answer = ask(port, '/old')
    const job = await new Hand(redis.url).pop()
    expect(job.respondTo).toBe(address)
    expect(await reply(address, job.id, JSON.stringify([200, { 'x-old': '1' }, 'hi']))).toBe('OK')
    expect(await answer).toMatchObject({ status: 200, text: 'hi' })
    expect(await reply(address, job.id, JSON.stringify([200, {}, 'again']))).toBe('OK')
    expect(await reply(address, 'nobody', '[]')).toBe('OK')
  })

  test('takes replies from the list of that name as well: new workers share the queue', async () => {
    const { port, address } = await legacy()
    await work(redis.url, ({ url }) => `new ${url}`)
    expect((await ask(port, '/a')).text).toBe('new /a')
    const answer = ask(port, '/old')
    expect((await answer).status).toBe(200)
    expect(await redis.cli('EXISTS', address)).toBe(0)
  })

  test('shares its address with no other front: the second waits, serves nothing, and takes over when the first has gone', async () => {
    const first = await legacy()
    const [host = '', port] = first.address.split(':')
    const taken = await serve({
      redis: redis.url,
      redisWaitMs: 100,
      direct: { port: 0, host, advertise: `${host}:${String(port)}` },
      legacy: true,
    })
    await until(() => taken.front.stats().connected)
    expect(taken.front.stats().ready).toBe(false)
    expect(await ask(taken.port)).toMatchObject({ status: 503 })
    expect(await redis.cli('LLEN', 'tempest')).toBe(0)
    await first.front.stop()
    await work(redis.url, () => 'served')
    await until(async () => (await ask(taken.port)).text === 'served', 8000)
    await until(() => taken.front.stats().ready)
    expect(await redis.cli('GET', `tempest:claim:${first.address}`)).toBe(taken.front.stats().boot)
  })

  test('gives the address back when it stops, and leaves nothing', async () => {
    const { front, address } = await legacy()
    await until(async () => (await redis.cli('EXISTS', `tempest:claim:${address}`)) === 1)
    await front.stop()
    expect(await redis.cli('EXISTS', `tempest:claim:${address}`, address)).toBe(0)
  })

  test('needs `direct` with a name or an IPv4 address', async () => {
    const port = await listen(createServer())
    for (const options of [{ legacy: true }, { legacy: true, direct: `[::1]:${port}` }]) {
      await expect(serve({ redis: redis.url, ...options })).rejects.toThrow(
        'legacy: needs `direct`',
      )
    }
  })
})
