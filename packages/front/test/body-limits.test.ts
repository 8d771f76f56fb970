/** The limits of a request body: size, time, memory; and that nothing is left of one that was refused or broken off. */
import { expect, test } from '@jest/globals'
import type { WorkOptions } from '@tempest/front'
import { describeWithRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import { type Answer, ask, problemOf, RawClient, responsesIn } from './client'
import { serve, type Served, work, useRedis } from './serve'

const LIMIT = 256 * 1024

describeWithRedis('a request body', () => {
  const redis = useRedis()

  const start = (options: WorkOptions = {}, maxHeldBytes?: number): Promise<Served> =>
    serve({ redis: redis.url, maxHeldBytes }, (front) =>
      front.work('tempest', { maxBodyBytes: LIMIT, ...options }),
    )
  /** Sends what it is given back. */
  const echo = (): Promise<unknown> => work(redis.url, ({ body }) => body)
  const post = (port: number, body: string | Buffer): Promise<Answer> =>
    ask(port, '/', { method: 'POST', body })
  const head = (...headers: string[]): string =>
    ['POST / HTTP/1.1', 'Host: h', ...headers, '', ''].join('\r\n')

  /** Nothing is left of any request. */
  const isIdle = ({ front }: Served): boolean => {
    const { inFlight, heldBytes, heldChars } = front.stats()
    return inFlight + heldBytes + heldChars === 0
  }

  test('that announces more than maxBodyBytes is refused before it is read', async () => {
    const served = await start()
    const client = await RawClient.open(served.port)
    client.write(head(`Content-Length: ${LIMIT + 1}`))
    await client.hears('"BODY_TOO_LARGE"')
    expect(client.text).toMatch(/^HTTP\/1\.1 413 Payload Too Large\r\n/)
    expect(client.text).toMatch(/^connection: close\r$/im)
    expect(responsesIn(client.text)).toHaveLength(1)
    expect(isIdle(served)).toBe(true)
    expect(await redis.cli('LLEN', 'tempest')).toBe(0)
    expect(served.front.stats()).toMatchObject({
      errors: { BODY_TOO_LARGE: 1 },
      answers: { 413: 1 },
    })
  })

  test('that grows beyond maxBodyBytes gets a 413 the client can read while it still sends', async () => {
    const served = await start()
    const client = await RawClient.open(served.port)
    client.write(head('Transfer-Encoding: chunked'))
    const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`
    const sending = (async () => {
      while (!client.text.includes('BODY_TOO_LARGE') && !client.socket.destroyed) {
        client.write(chunk)
        await new Promise(setImmediate)
      }
    })()
    await client.hears('BODY_TOO_LARGE')
    await sending
    client.write(chunk)
    expect(client.text).toMatch(/^HTTP\/1\.1 413 /)
    client.write('0\r\n\r\n')
    await client.closed
    expect(responsesIn(client.text)).toMatchObject([{ body: expect.stringMatching(/413/) }])
    expect(isIdle(served)).toBe(true)
    expect(await redis.cli('LLEN', 'tempest')).toBe(0)
  })

  test('of several megabytes beyond the limit does not reset the connection before its client reads', async () => {
    const { port } = await start()
    const body = Buffer.alloc(4 * 1024 * 1024)
    for (const headers of [{ 'Content-Length': body.length }, { 'Transfer-Encoding': 'chunked' }]) {
      const answer = await ask(port, '/', { method: 'POST', headers, body })
      expect([answer.status, problemOf(answer)]).toMatchObject([413, { code: 'BODY_TOO_LARGE' }])
    }
  })

  test('that is refused and never ends does not hold its connection for ever', async () => {
    const { port } = await start()
    const endless = await RawClient.open(port)
    endless.write(head('Transfer-Encoding: chunked'))
    endless.write(`${(LIMIT + 1).toString(16)}\r\n${'x'.repeat(LIMIT + 1)}\r\n`)
    await endless.hears('413')
    await endless.closed
  })

  test('that does not arrive within the deadline is a 408, and nothing of it is pushed', async () => {
    const served = await start({ deadlineMs: 80 })
    const client = await RawClient.open(served.port)
    client.write(head('Content-Length: 10') + 'abc')
    await client.hears('BODY_TIMEOUT')
    expect(client.text).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/)
    expect(client.text).toMatch(/^connection: close\r$/im)
    expect(isIdle(served)).toBe(true)
    client.write('defghij')
    await client.closed
    expect(await redis.cli('LLEN', 'tempest')).toBe(0)
  })

  test.each([
    ['leaves', (client: RawClient) => client.leave()],
    ['resets', (client: RawClient) => client.socket.resetAndDestroy()],
    ['ends its side', (client: RawClient) => client.socket.end()],
    ['sends nonsense', (client: RawClient) => client.write('zz\r\n')],
  ])('whose client %s in the middle leaves nothing behind', async (_, leave) => {
    const served = await start()
    const clients = await Promise.all(Array.from({ length: 5 }, () => RawClient.open(served.port)))
    for (const client of clients)
      client.write(head('Transfer-Encoding: chunked') + '5\r\nabcde\r\n')
    await until(() => served.front.stats().heldBytes === 25)
    expect(served.front.stats().inFlight).toBe(5)
    for (const client of clients) leave(client)
    await until(() => isIdle(served))
    expect(served.front.stats()).toMatchObject({ left: 5, inFlight: 0, heldBytes: 0 })
    expect(await redis.cli('LLEN', 'tempest')).toBe(0)
    await echo()
    expect((await post(served.port, 'still here')).text).toBe('still here')
  })

  test('has to share maxHeldBytes with all others; beyond it they get 503 until there is room', async () => {
    const served = await start({}, 1000)
    await echo()
    const holder = await RawClient.open(served.port)
    holder.write(head('Content-Length: 900') + 'x'.repeat(890))
    await until(() => served.front.stats().heldBytes === 890)
    const grown = await post(served.port, 'y'.repeat(200))
    expect([grown.status, problemOf(grown)]).toMatchObject([503, { code: 'IN_FLIGHT_FULL' }])
    expect(Number(grown.headers['retry-after'])).toBeGreaterThanOrEqual(1)
    expect(served.front.stats().heldBytes).toBe(890)
    expect((await post(served.port, 'small')).text).toBe('small')
    holder.leave()
    await until(() => isIdle(served))
    expect((await post(served.port, 'y'.repeat(200))).status).toBe(200)
  })

  test('is refused wholly where maxBodyBytes is 0', async () => {
    const { port } = await start({ maxBodyBytes: 0 })
    await echo()
    expect((await post(port, 'x')).status).toBe(413)
    expect((await post(port, '')).status).toBe(200)
    expect((await ask(port)).status).toBe(200)
  })
})
