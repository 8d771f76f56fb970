/** Request bodies: the exact bytes both ways, however they are framed, and when the client is asked for them. */
import { expect, test } from '@jest/globals'
import connect from 'connect'
import fc from 'fast-check'
import { request } from 'node:http'
import { describeWithRedis } from '../../../test/helpers/redis'
import { type Answer, ask, get, keepAlive, type Question, RawClient } from './client'
import { Hand, serve, type Served, work, useRedis } from './serve'

const LIMIT = 256 * 1024

describeWithRedis('a request body', () => {
  const redis = useRedis()

  const start = (): Promise<Served> =>
    serve({ redis: redis.url }, (front) => front.work('tempest', { maxBodyBytes: LIMIT }))
  /** Sends what it is given back. */
  const echo = (): Promise<unknown> => work(redis.url, ({ body }) => body)
  const post = (port: number, body: string | Buffer, question: Question = {}): Promise<Answer> =>
    ask(port, '/', { method: 'POST', body, ...question })
  const head = (...headers: string[]): string =>
    ['POST / HTTP/1.1', 'Host: h', ...headers, '', ''].join('\r\n')

  test('comes through unchanged, both ways, whatever its bytes', async () => {
    const { port } = await start()
    await echo()
    const agent = keepAlive()
    const any = fc.uint8Array({ maxLength: 3000 })
    const text = fc.string({ unit: 'binary', maxLength: 500 }).map((s) => Buffer.from(s))
    await fc.assert(
      fc.asyncProperty(fc.oneof(any, text), async (bytes) => {
        const body = Buffer.from(bytes)
        const answer = await post(port, body, { agent })
        expect(answer.body.equals(body)).toBe(true)
        expect(answer.headers['content-length']).toBe(String(body.length))
      }),
      { numRuns: 150 },
    )
  })

  test('comes through unchanged in chunks of any size', async () => {
    const { port } = await start()
    await echo()
    const agent = keepAlive()
    const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(chunks, async (parts) => {
        const echoed = new Promise<Buffer>((resolve, reject) => {
          const req = request({ port, method: 'POST', agent }, (res) => {
            const heard: Buffer[] = []
            res.on('data', (chunk: Buffer) => heard.push(chunk))
            res.on('end', () => resolve(Buffer.concat(heard)))
          })
          req.on('error', reject)
          req.setHeader('Transfer-Encoding', 'chunked')
          for (const part of parts) req.write(part)
          req.end()
        })
        expect((await echoed).equals(Buffer.concat(parts))).toBe(true)
      }),
      { numRuns: 60 },
    )
  })

  test.each([0, 1, 16383, 16384, 16385, 65535, 65536, 65537, LIMIT - 1, LIMIT])(
    'of %i bytes comes through, as text and as bytes that are none',
    async (size) => {
      const { port } = await start()
      await echo()
      for (const body of [Buffer.alloc(size, 'aé'), Buffer.alloc(size, 0xff), Buffer.alloc(size)]) {
        expect((await post(port, body)).body.equals(body)).toBe(true)
      }
    },
  )

  test.each([
    ['a byte order mark', Buffer.from('\ufefftext'), '\ufefftext'],
    ['invalid UTF-8', Buffer.from([0x66, 0xc3, 0x28]), { base64: 'ZsMo' }],
    ['a surrogate in UTF-8', Buffer.from([0xed, 0xa0, 0x80]), { base64: '7aCA' }],
    ['null bytes', Buffer.from('\0\0'), '\0\0'],
    ['quotes and ends of lines', Buffer.from('"\\\n\u2028'), '"\\\n\u2028'],
  ])('with %s is text in the job where it is valid, else base64', async (_, body, expected) => {
    const { port } = await start()
    const answer = post(port, body)
    const job = await new Hand(redis.url).pop()
    expect(job.args[0]).toHaveProperty('body', expected)
    await job.answer([200, {}, expected])
    expect((await answer).body.equals(body)).toBe(true)
  })

  test.each(['Content-Length: 0', 'Transfer-Encoding: chunked'])(
    'that is empty, by %s, is none in the job',
    async (header) => {
      const { port } = await start()
      const client = await RawClient.open(port)
      client.write(head(header) + (header.startsWith('T') ? '0\r\n\r\n' : ''))
      const job = await new Hand(redis.url).pop()
      expect(job.args[0]).not.toHaveProperty('body')
      await job.answer([200, {}, 'ok'])
      await client.hears('ok')
    },
  )

  test('comes with any method', async () => {
    const { port } = await start()
    await echo()
    for (const method of ['GET', 'DELETE', 'OPTIONS', 'PUT', 'PATCH']) {
      const body = Buffer.from(`of ${method}`)
      const headers = { 'Content-Length': body.length }
      expect((await ask(port, '/', { method, headers, body })).text).toBe(`of ${method}`)
    }
  })

  test('with Expect: 100-continue is asked for only when it will be read', async () => {
    const { port } = await start()
    await echo()
    const refused = await RawClient.open(port)
    refused.write(head(`Content-Length: ${LIMIT + 1}`, 'Expect: 100-continue'))
    await refused.hears('BODY_TOO_LARGE')
    expect(refused.text).not.toContain('100 Continue')
    const taken = await RawClient.open(port)
    taken.write(head('Content-Length: 2', 'Expect: 100-continue'))
    await taken.hears('HTTP/1.1 100 Continue\r\n\r\n')
    taken.write('hi')
    await taken.hears(/200 OK[^]*\r\n\r\nhi$/)
    taken.text = ''
    taken.write(head('Content-Length: 0', 'Expect: 100-continue'))
    await taken.hears(/^HTTP\/1\.1 200 OK/)
  })

  test('with Expect: 100-continue is not asked for where the front is full', async () => {
    const { port } = await serve({ redis: redis.url, maxInFlight: 1 })
    const waiting = await RawClient.open(port)
    waiting.write(get('/'))
    await new Hand(redis.url).pop()
    const client = await RawClient.open(port)
    client.write(head('Content-Length: 2', 'Expect: 100-continue'))
    await client.hears('IN_FLIGHT_FULL')
    expect(client.text).toMatch(/^HTTP\/1\.1 503 /)
    expect(client.text).not.toContain('100 Continue')
  })

  test('is read behind middleware that takes its time, or has paused the request', async () => {
    const { port } = await serve({ redis: redis.url }, (front) =>
      connect()
        .use('/paused', (req, _res, next) => {
          req.pause()
          setImmediate(next)
        })
        .use('/slow', (req, _res, next) => {
          const look = (): unknown => (req.complete ? next() : setImmediate(look))
          look()
        })
        .use(front.work('tempest', { deadlineMs: 5000 })),
    )
    await echo()
    for (const path of ['/', '/paused', '/slow']) {
      expect((await ask(port, path, { method: 'POST', body: 'body' })).text).toBe('body')
    }
  })

  test('with Expect is asked for by other handlers of an attached server too', async () => {
    const { port } = await serve({ redis: redis.url }, (front) =>
      connect()
        .use('/flowing', (req, res) => void req.pipe(res))
        .use('/reading', (req, res) => {
          req.on('readable', () => res.write(req.read() ?? ''))
          req.on('end', () => res.end())
        })
        .use(front.work('tempest')),
    )
    for (const path of ['/flowing', '/reading']) {
      const client = await RawClient.open(port)
      client.write(head('Content-Length: 2', 'Expect: 100-continue').replace('/', path))
      await client.hears('100 Continue')
      client.write('hi')
      await client.hears(/200 OK[^]*\r\nhi\r\n/)
    }
  })

  test('with Expect works in a bare server that is not attached', async () => {
    const { port } = await serve({ redis: redis.url, attach: false })
    await echo()
    const client = await RawClient.open(port)
    client.write(head('Content-Length: 2', 'Expect: 100-continue'))
    await client.hears('100 Continue')
    client.write('hi')
    await client.hears(/200 OK[^]*hi$/)
  })
})
