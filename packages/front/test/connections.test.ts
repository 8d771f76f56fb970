/** Connections of clients: keep-alive, pipelining, HTTP/1.0, and requests that are no requests for us. */
import { expect, test } from '@jest/globals'
import { Socket } from 'node:net'
import connect from 'connect'
import { describeWithRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import { ask, get, keepAlive, RawClient, responsesIn } from './client'
import { fieldsOf, Hand, serve, work, useRedis } from './serve'

describeWithRedis('a connection', () => {
  const redis = useRedis()

  const echo = (): Promise<unknown> => work(redis.url, ({ url }) => url)

  test('is kept for the next request, and holds no more listeners after a hundred', async () => {
    const { port, server } = await serve({ redis: redis.url })
    await echo()
    const sockets: unknown[] = []
    server.on('connection', (socket) => sockets.push(socket))
    const agent = keepAlive()
    const listeners = (): Record<string, number> => {
      const [socket] = sockets
      if (!(socket instanceof Socket)) throw new Error('no connection')
      const names = socket.eventNames().map(String)
      return Object.fromEntries(names.map((name) => [name, socket.listenerCount(name)]))
    }
    for (let i = 0; i < 3; i++) await ask(port, '/', { agent, method: 'POST', body: 'x' })
    const few = listeners()
    for (let i = 0; i < 100; i++) {
      const answer = await ask(
        port,
        `/${i}`,
        i % 2 ? { agent } : { agent, method: 'POST', body: 'x' },
      )
      expect(answer.text).toBe(`/${i}`)
    }
    expect(sockets).toHaveLength(1)
    expect(listeners()).toEqual(few)
  })

  test('with pipelined requests gets the answers in order, whatever order the workers answer in', async () => {
    const { port } = await serve({ redis: redis.url })
    const hand = new Hand(redis.url)
    const client = await RawClient.open(port)
    const targets = Array.from({ length: 20 }, (_, i) => `/${i}`)
    const post = (target: string): string =>
      `POST ${target} HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc`
    client.write(targets.map((target, i) => (i % 3 ? get(target) : post(target))).join(''))
    const jobs = []
    while (jobs.length < targets.length) jobs.push(await hand.pop())
    const shuffled = [
      ...jobs.slice(13).reverse(),
      ...jobs.slice(0, 6),
      ...jobs.slice(6, 13).reverse(),
    ]
    for (const job of shuffled) await job.answer([200, {}, fieldsOf(job.args[0])['url']])
    await until(() => responsesIn(client.text).length === targets.length)
    expect(responsesIn(client.text).map(({ body }) => body)).toEqual(targets)
  })

  test('with pipelined requests keeps that order where some are refused', async () => {
    const { port } = await serve({ redis: redis.url }, (front) =>
      front.work('tempest', {
        deadlineMs: (req) => (req.url === '/bad' ? NaN : 10_000),
      }),
    )
    const hand = new Hand(redis.url)
    const client = await RawClient.open(port)
    client.write(get('/1') + get('/bad') + get('/2'))
    const one = await hand.pop()
    const two = await hand.pop()
    await two.answer([200, {}, 'two'])
    await one.answer([200, {}, 'one'])
    await until(() => responsesIn(client.text).length === 3)
    const statuses = responsesIn(client.text).map(({ line }) => line.slice(9, 12))
    expect(statuses).toEqual(['200', '500', '200'])
  })

  test.each([
    ['GET / HTTP/1.0\r\n\r\n', 'close'],
    ['GET / HTTP/1.0\r\nConnection: close\r\n\r\n', 'close'],
    ['GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n', 'keep-alive'],
    ['POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi', 'close'],
    ['HEAD / HTTP/1.0\r\n\r\n', 'close'],
  ])('of HTTP/1.0 is served: %j', async (request, connection) => {
    const { port } = await serve({ redis: redis.url })
    await work(redis.url, () => 'hello')
    const client = await RawClient.open(port)
    client.write(request)
    if (connection === 'close') await client.closed
    else {
      await client.hears('hello')
      client.text = ''
      client.write(request)
      await client.hears('hello')
    }
    expect(client.text).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(client.text).toMatch(/^content-length: 5\r$/im)
    expect(client.text).not.toMatch(/transfer-encoding/i)
    expect(/^connection: (.*)\r$/im.exec(client.text)?.[1]).toBe(connection)
  })

  test('of HTTP/1.0 gets errors too', async () => {
    const { port } = await serve({ redis: redis.url }, (front) =>
      front.work('tempest', { deadlineMs: 30, maxBodyBytes: 2 }),
    )
    expect(await RawClient.tell(port, 'GET / HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 504 /)
    const large = await RawClient.tell(port, 'POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc')
    expect(large).toMatch(/^HTTP\/1\.1 413 /)
  })

  test('that wants to be upgraded is answered as HTTP', async () => {
    const { port } = await serve({ redis: redis.url })
    const client = await RawClient.open(port)
    client.write(
      get('/ws', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'),
    )
    const job = await new Hand(redis.url).pop()
    expect(job.args[0]).toHaveProperty('headers', { host: 'test', 'sec-websocket-version': '13' })
    await job.answer([426, { upgrade: 'x' }, 'no'])
    await client.hears(/^HTTP\/1\.1 426 [^]*no$/)
    expect(client.text).not.toMatch(/^upgrade/im)
  })

  test.each([
    'CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'GET / HTTP/1.1\r\n\r\n',
    'GET /\r\n',
    'GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx',
    'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\nx',
    'POST / HTTP/1.1\r\nHost: h\r\nExpect: something\r\nConnection: close\r\n\r\n',
    `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: h\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: h\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
    'GET / HTTP/1.1\r\nHost: h\r\nX\n: 1\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: h\r\nX: 1\r\rY: 2\r\n\r\n',
    '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03',
    '\r\n\r\n\0\0\0',
  ])('that says %j is closed without a job, and others go on', async (nonsense) => {
    const served = await serve({ redis: redis.url })
    const client = await RawClient.open(served.port)
    client.write(nonsense)
    client.socket.end()
    await client.closed
    expect(client.text).not.toMatch(/^HTTP\/1\.1 2/)
    expect(served.front.stats()).toMatchObject({ inFlight: 0, heldBytes: 0 })
    expect(await redis.cli('LLEN', 'tempest')).toBe(0)
    await echo()
    expect((await ask(served.port, '/fine')).text).toBe('/fine')
  })

  test('may bring very many headers, as many as node:http lets in', async () => {
    const { port } = await serve({ redis: redis.url })
    await work(redis.url, ({ headers }) => String(Object.keys(headers).length))
    const many = Array.from({ length: 900 }, (_, i) => `h${i}: 1`)
    const text = await RawClient.tell(port, get('/', ...many, 'Connection: close'))
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n901$/)
  })

  test('carries nothing into the headers of the next, nor from the request into the response', async () => {
    const { port } = await serve({ redis: redis.url }, (front) =>
      connect().use(front.work('tempest')),
    )
    await work(redis.url, ({ headers }) => ({ headers: { 'x-seen': headers['x-in'] ?? 'none' } }))
    const client = await RawClient.open(port)
    client.write(get('/', 'X-In: \xff%0d%0aX-Injected: 1', 'X-Request-Id: a\xffb'))
    await client.hears('\r\n\r\n')
    expect(client.text).toContain('x-seen: \xff%0d%0aX-Injected: 1\r\n')
    expect(client.text).not.toMatch(/^x-injected/im)
    expect(client.text).not.toContain('a\xffb')
    client.text = ''
    client.write(get('/'))
    await client.hears('x-seen: none')
  })
})
