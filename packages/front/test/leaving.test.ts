/** Clients that leave, or do not take what they asked for: their exchanges are freed and their jobs cancelled. */
import { expect, test } from '@jest/globals'
import { describeWithRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import { ask, get, RawClient } from './client'
import { fieldsOf, Hand, serve, work, useRedis } from './serve'

describeWithRedis('a connection', () => {
  const redis = useRedis()

  const idsCancelled = async (): Promise<string[]> => {
    const ids: string[] = []
    const listener = redis.client()
    await listener.subscribe('{tempest}:cancel')
    listener.on('message', (_channel, text) => {
      const { ids: some } = fieldsOf(JSON.parse(text))
      if (Array.isArray(some)) ids.push(...some.map(String))
    })
    return ids
  }

  test('of a pipelining client that leaves cancels all its requests, waiting or running', async () => {
    const served = await serve({ redis: redis.url })
    const cancelled = await idsCancelled()
    const hand = new Hand(redis.url)
    const client = await RawClient.open(served.port)
    client.write([1, 2, 3, 4].map((n) => get(`/${n}`)).join(''))
    const jobs = [await hand.pop(), await hand.pop(), await hand.pop(), await hand.pop()]
    await jobs[2]?.answer([200, {}, 'three'])
    await until(() => served.front.stats().inFlight === 3)
    client.leave()
    await until(() => cancelled.length === 3)
    const expected = [jobs[0], jobs[1], jobs[3]].map((job) => job?.id).sort()
    expect([...cancelled].sort()).toEqual(expected)
    expect(served.front.stats()).toMatchObject({ inFlight: 0, left: 3, heldBytes: 0, heldChars: 0 })
  })

  test('whose client leaves aborts the signal of its job', async () => {
    const { port, front } = await serve({ redis: redis.url })
    const seen: string[] = []
    await work(redis.url, async ({ url }, job) => {
      if (url !== '/leave') return 'ok'
      seen.push('began')
      await new Promise((resolve) => job.signal.addEventListener('abort', resolve))
      seen.push('aborted')
      return 'too late'
    })
    const client = await RawClient.open(port)
    client.write(get('/leave'))
    await until(() => seen.includes('began'))
    client.leave()
    await until(() => seen.includes('aborted'))
    expect(front.stats()).toMatchObject({ inFlight: 0, left: 1 })
    expect((await ask(port)).text).toBe('ok')
  })

  test('whose client does not read counts what is unsent as held, until it reads or leaves', async () => {
    const { port, front } = await serve({ redis: redis.url })
    const size = 8 * 1024 * 1024
    await work(redis.url, ({ url }) => (url === '/large' ? 'x'.repeat(size) : 'ok'))
    const reading = await RawClient.open(port)
    const leaving = await RawClient.open(port)
    for (const client of [reading, leaving]) {
      client.socket.pause()
      client.write(get('/large') + get('/'))
    }
    await until(() => front.stats().heldBytes > size)
    expect((await ask(port)).text).toBe('ok')
    leaving.leave()
    reading.socket.resume()
    await reading.hears(/x\r?\n?HTTP\/1\.1 200 OK[^]*ok$/)
    await until(() => front.stats().heldBytes === 0)
    expect(front.stats()).toMatchObject({ inFlight: 0, answers: { 200: 5 } })
  })

  test('that its client half-closes frees its request', async () => {
    const { port, front } = await serve({ redis: redis.url })
    const client = await RawClient.open(port, true)
    client.write(get('/'))
    const job = await new Hand(redis.url).pop()
    client.socket.end()
    await until(() => front.stats().inFlight === 0)
    await client.closed
    await job.answer([200, {}, 'late'])
    await until(() => front.stats().refusals.late === 1)
  })
})
