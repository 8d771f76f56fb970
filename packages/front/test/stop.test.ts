/** The end of a front: open requests finish, new ones are told, and nothing is left. */
import { expect, test } from '@jest/globals'
import { createFront, type FrontOptions } from '@tempest/front'
import { spawn } from 'node:child_process'
import { createServer } from 'node:http'
import { resolve } from 'node:path'
import { describeWithRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import { ask, get, keepAlive, problemOf, RawClient, responsesIn } from './client'
import { atClose, Hand, listen, serve, type Served, work, useRedis } from './serve'

const OK = 'HTTP/1.1 200 OK'

describeWithRedis('front.stop()', () => {
  const redis = useRedis()

  const start = (options: Partial<FrontOptions> & { attach?: boolean } = {}): Promise<Served> =>
    serve({ redis: redis.url, drainMs: 20_000, ...options })

  test('lets open requests finish, closes the attached server, and is one promise', async () => {
    const { front, server, port } = await start()
    const hand = new Hand(redis.url)
    const open = ask(port)
    const job = await hand.pop()
    const stopped = front.stop()
    expect(front.stop()).toBe(stopped)
    expect(front.stats().state).toBe('draining')
    await until(() => !server.listening)
    await expect(ask(port)).rejects.toThrow('ECONNREFUSED')
    await job.answer([200, {}, 'finished'])
    const answer = await open
    expect([answer.text, answer.headers.connection]).toEqual(['finished', 'close'])
    await stopped
    expect(front.stats()).toMatchObject({ state: 'stopped', inFlight: 0 })
    expect(await redis.cli('EXISTS', job.respondTo ?? '')).toBe(0)
    expect(front.stop()).toBe(stopped)
  })

  test('lets a body that still arrives, and a request on an open connection, finish', async () => {
    const { front, port } = await start()
    const busy = ask(port)
    const hand = new Hand(redis.url)
    const first = await hand.pop()
    const upload = await RawClient.open(port)
    upload.write('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab')
    await until(() => front.stats().heldBytes === 2)
    const stopped = front.stop()
    upload.write('cd')
    const second = await hand.pop()
    expect(second.args[0]).toMatchObject({ body: 'abcd' })
    await second.answer([200, {}, 'uploaded'])
    await upload.hears('uploaded')
    await upload.closed
    await first.answer([200, {}])
    await busy
    await stopped
  })

  test('lets all pipelined requests that were open finish, in order', async () => {
    const { front, port } = await start()
    const hand = new Hand(redis.url)
    const client = await RawClient.open(port)
    client.write(get('/1') + get('/2') + get('/3'))
    const jobs = [await hand.pop(), await hand.pop(), await hand.pop()]
    const stopped = front.stop()
    for (const i of [2, 0, 1]) await jobs[i]?.answer([200, {}, `answer ${i}`])
    await client.closed
    await stopped
    const bodies = responsesIn(client.text).map(({ body }) => body)
    expect(bodies).toEqual(['answer 0', 'answer 1', 'answer 2'])
  })

  test('serves what still comes on a connection with an open request, and closes behind it', async () => {
    const { front, port } = await start()
    const hand = new Hand(redis.url)
    const client = await RawClient.open(port)
    client.write(get('/1'))
    const first = await hand.pop()
    const stopped = front.stop()
    client.write(get('/2'))
    const second = await hand.pop()
    await second.answer([200, {}, 'two'])
    await first.answer([200, {}, 'one'])
    await client.closed
    expect(responsesIn(client.text).map(({ body }) => body)).toEqual(['one', 'two'])
    await stopped
  })

  test('closes connections that stay idle, and such as never said anything, after a moment', async () => {
    const { front, port } = await start()
    await work(redis.url, () => 'ok')
    const agent = keepAlive()
    await ask(port, '/', { agent })
    const silent = await RawClient.open(port)
    await front.stop()
    await silent.closed
  })

  test('serves a request that comes on an idle connection while it stops, and says that it closes', async () => {
    const { front, server, port } = await start()
    await work(redis.url, ({ method }) => method)
    const [one, other] = [keepAlive(), keepAlive()]
    for (const agent of [one, other]) await ask(port, '/', { agent })
    const stopped = front.stop()
    await until(() => !server.listening)
    // Both at once: such a connection stays for a second.
    const answers = await Promise.all([
      ask(port, '/', { agent: one }),
      ask(port, '/', { agent: other, method: 'POST', body: 'x' }),
    ])
    expect(answers.map(({ status, text }) => [status, text])).toEqual([
      [200, 'GET'],
      [200, 'POST'],
    ])
    for (const { headers } of answers) expect(headers.connection).toBe('close')
    await stopped
  })

  test('serves a request that came on an idle connection while the process stood still past the moment at which such are closed', async () => {
    const { front, server, port } = await start()
    await work(redis.url, () => 'ok')
    const client = await RawClient.open(port)
    client.write(get('/1'))
    await client.hears('ok')
    const stopped = front.stop()
    await until(() => !server.listening)
    // Behind what has arrived, and before the timers.
    await new Promise(setImmediate)
    client.write(get('/2'))
    const end = performance.now() + 1200
    while (performance.now() < end);
    await client.closed
    expect(responsesIn(client.text).map(({ line }) => line)).toEqual([OK, OK])
    await stopped
  })

  test('goes on taking connections for unreadyMs, and is not ready', async () => {
    const { front, port } = await start({ unreadyMs: 2000 })
    await work(redis.url, () => 'ok')
    await until(() => front.stats().ready)
    const stopped = front.stop()
    expect(front.stats()).toMatchObject({ state: 'unready', ready: false })
    const answer = await ask(port)
    expect([answer.status, answer.headers.connection]).toEqual([200, 'close'])
    await until(() => front.stats().state !== 'unready')
    await expect(ask(port)).rejects.toThrow('ECONNREFUSED')
    await stopped
  })

  test('lets a client take a response that is on its way', async () => {
    const { front, port } = await start()
    await work(redis.url, () => Buffer.alloc(30_000_000, 120))
    const slow = await RawClient.open(port)
    slow.socket.once('data', () => slow.socket.pause())
    slow.write(get('/'))
    await slow.hears('HTTP/1.1 200', 10_000)
    await until(() => front.stats().inFlight === 0 && front.stats().heldBytes > 0)
    const stopped = front.stop()
    let over = false
    void stopped.then(() => (over = true))
    // Longer than idle connections have, and than those that only stand there.
    const since = performance.now()
    await until(() => over || performance.now() - since > 2500)
    expect(over).toBe(false)
    slow.socket.resume()
    await stopped
    await slow.closed
    expect(responsesIn(slow.text)[0]?.body.length).toBe(30_000_000)
  })

  test('ends with 503 what is open when drainMs are over, and cancels its jobs', async () => {
    const { front, port } = await start({ drainMs: 50 })
    const listener = redis.client()
    await listener.subscribe('{tempest}:cancel')
    const cancelled = new Promise<string>((seen) => listener.on('message', (_, text) => seen(text)))
    const open = ask(port)
    const job = await new Hand(redis.url).pop()
    const stopped = front.stop()
    const answer = await open
    expect([answer.status, answer.headers.connection]).toEqual([503, 'close'])
    expect(problemOf(answer)).toMatchObject({ code: 'STOPPING' })
    expect(Number(answer.headers['retry-after'])).toBeGreaterThanOrEqual(1)
    await stopped
    expect(await cancelled).toContain(job.id)
    await job.answer([200, {}, 'late'])
  })

  test.each([true, false])(
    'ends with 503 a body that still arrives when drainMs are over (attached: %s)',
    async (attach) => {
      const { front, port } = await start({ drainMs: 50, attach })
      const upload = await RawClient.open(port)
      upload.write('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab')
      await until(() => front.stats().heldBytes === 2)
      await front.stop()
      await upload.hears('"STOPPING"')
      expect(upload.text).toMatch(/^HTTP\/1\.1 503 /)
      expect(front.stats()).toMatchObject({ inFlight: 0, heldBytes: 0 })
      await upload.closed
    },
  )

  test('of a front whose server is not attached answers new requests with 503 and closes', async () => {
    const { front, server, port } = await start({ attach: false })
    const hand = new Hand(redis.url)
    const open = ask(port)
    const job = await hand.pop()
    const stopped = front.stop()
    const refused = await ask(port, '/', { agent: keepAlive() })
    expect([refused.status, refused.headers.connection]).toEqual([503, 'close'])
    expect(problemOf(refused)).toMatchObject({ code: 'STOPPING' })
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(1)
    await job.answer([200, {}, 'finished'])
    expect((await open).text).toBe('finished')
    await stopped
    expect(server.listening).toBe(true)
    const late = await ask(port, '/', { method: 'POST', body: 'x' })
    expect([late.status, late.headers.connection]).toEqual([503, 'close'])
  })

  test('closes every attached server, also one that never listened, and some that did', async () => {
    const { front, server } = await start()
    const other = createServer()
    await listen(other)
    front.attach(other)
    front.attach(createServer())
    front.attach(server)
    await front.stop()
    expect([server.listening, other.listening]).toEqual([false, false])
  })

  test('ends at once where nothing ever happened, and where Redis is not there', async () => {
    const from = performance.now()
    await createFront({ redis: redis.url }).stop()
    const front = createFront({ redis: 'redis://127.0.0.1:1', redisWaitMs: 60_000 })
    const server = createServer(front.work('tempest'))
    front.attach(server)
    const port = await listen(server)
    const open = ask(port)
    await until(() => front.stats().inFlight === 1)
    const stopping = createFront({ redis: 'redis://127.0.0.1:1', drainMs: 20 })
    await stopping.stop()
    expect(performance.now() - from).toBeLessThan(10_000)
    void front.stop()
    open.catch(() => undefined)
    expect(front.stats().state).toBe('draining')
    server.closeAllConnections()
    await front.stop()
  })

  test('lets the process exit by itself', async () => {
    const script = `
      const { createFront } = require('@tempest/front')
      const { createServer, get } = require('node:http')
      const front = createFront({ redis: process.env.REDIS })
      const server = createServer(front.work('nobody', { deadlineMs: 100 }))
      front.attach(server)
      server.listen(0, () => get({ port: server.address().port }, (res) => {
        res.resume().on('end', () => front.stop().then(() => console.log('stopped', res.statusCode)))
      }))`
    const env = { ...process.env, REDIS: redis.url }
    const child = spawn(process.execPath, ['-e', script], { cwd: resolve(__dirname, '..'), env })
    atClose(() => child.kill('SIGKILL'))
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
    }
    const code = await new Promise((ended) => child.once('close', ended))
    expect([output.trim(), code]).toEqual(['stopped 504', 0])
  })
})
