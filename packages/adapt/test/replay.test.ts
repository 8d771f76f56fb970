/** Requests replayed at real HTTP servers: what these are sent, and what comes back. */
import { afterEach, describe, expect, test } from '@jest/globals'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { gzipSync } from 'node:zlib'
import { elementsOf, fieldsOf } from '../../../test/helpers/json'
import { replay } from '../src'
import { ask, closeAll, failing, rawUpstream, upstream } from './handle'

afterEach(closeAll)

/** A server that tells what it was sent. */
async function mirror(): Promise<string> {
  return upstream((req, res) => {
    void bodyOf(req).then((body) => {
      const { method, url, rawHeaders } = req
      res.end(JSON.stringify({ method, url, rawHeaders, body: body.toString('hex') }))
    })
  })
}

async function bodyOf(req: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of req) pieces.push(Buffer.from(piece as Uint8Array))
  return Buffer.concat(pieces)
}

interface Sent {
  method: unknown
  url: unknown
  body: unknown
  headers: Record<string, unknown>
}

async function sent(...args: Parameters<typeof ask>): Promise<Sent> {
  const value = fieldsOf(JSON.parse((await ask(...args)).body.toString()))
  const raw = elementsOf(value.rawHeaders).map(String)
  const headers: Record<string, unknown> = {}
  for (let i = 0; i < raw.length; i += 2) headers[(raw[i] ?? '').toLowerCase()] = raw[i + 1]
  return { method: value.method, url: value.url, body: value.body, headers }
}

describe('a request', () => {
  test('arrives as the client sent it, with who it was', async () => {
    const { method, url, headers, body } = await sent(replay(await mirror()), {
      ...{ method: 'PATCH', url: '/a%20b/../c//?q=%ff', mount: '/app' },
      headers: { host: 'example.com', cookie: 'a=1; b=2', 'x-odd': 'Ã¼', accept: 'text/*' },
      body: Buffer.from([0, 255, 10]),
    })
    expect({ method, url, body }).toEqual({
      ...{ method: 'PATCH', url: '/a%20b/../c//?q=%ff', body: '00ff0a' },
    })
    expect(headers).toMatchObject({
      ...{ host: 'example.com', cookie: 'a=1; b=2', 'x-odd': 'Ã¼', accept: 'text/*' },
      ...{ 'content-length': '3', 'x-forwarded-for': '192.0.2.7', 'x-forwarded-proto': 'http' },
      ...{
        'x-forwarded-host': 'example.com',
        'x-forwarded-prefix': '/app',
        'x-request-id': 'id-1',
      },
    })
  })

  test('has one length, that of its body, whatever its fields say', async () => {
    const handler = replay(await mirror())
    const headers = { 'content-length': '5', 'transfer-encoding': 'chunked', 'Content-Length': '7' }
    for (const method of ['POST', 'GET']) {
      const { headers: got, body } = await sent(handler, {
        method,
        headers,
        body: Buffer.from('x'),
      })
      expect(got['content-length']).toBe('1')
      expect(got['transfer-encoding']).toBeUndefined()
      expect(body).toBe('78')
    }
    expect((await sent(handler, { method: 'POST', headers })).headers['content-length']).toBe('0')
    expect((await sent(handler, { headers })).headers).not.toHaveProperty('content-length')
  })

  test('leaves behind what is of one hop, what Connection nominates, and Expect', async () => {
    const { headers } = await sent(replay(await mirror()), {
      headers: {
        ...{ connection: 'x-mine, close', 'x-mine': '1', te: 'trailers', upgrade: 'websocket' },
        ...{ expect: '100-continue', 'proxy-connection': 'x', trailer: 'x', 'keep-alive': 'x' },
      },
    })
    for (const name of ['x-mine', 'te', 'upgrade', 'expect', 'proxy-connection', 'trailer'])
      expect(headers).not.toHaveProperty(name)
  })

  test('has the server’s name and credentials where that is wanted, and its whole path', async () => {
    const to = (await mirror()).replace('//', '//me:secret@')
    const handler = replay(to, { host: 'upstream', keepMount: true })
    const headers = { host: 'example.com', authorization: 'Bearer x' }
    const got = await sent(handler, { url: '/b?c', mount: '/a', headers })
    expect(got.url).toBe('/a/b?c')
    expect(got.headers['host']).toMatch(/^127\.0\.0\.1:\d+$/)
    expect(got.headers['x-forwarded-host']).toBe('example.com')
    expect(got.headers['authorization']).toMatch(/^Basic /)
  })

  test('tells of proxies before it, unless these are not to be believed', async () => {
    const to = await mirror()
    const headers = {
      ...{ 'x-forwarded-for': '10.0.0.1', 'x-forwarded-proto': 'https' },
      ...{ forwarded: 'for=10.0.0.1', 'x-forwarded-prefix': '/x' },
    }
    expect((await sent(replay(to), { headers })).headers).toMatchObject({
      ...{ 'x-forwarded-for': '10.0.0.1, 192.0.2.7', 'x-forwarded-proto': 'https' },
    })
    const replaced = (await sent(replay(to, { forwarded: 'replace' }), { headers })).headers
    expect(replaced).toMatchObject({
      ...{ 'x-forwarded-for': '192.0.2.7', 'x-forwarded-proto': 'http' },
    })
    expect(replaced).not.toHaveProperty('forwarded')
    expect(replaced).not.toHaveProperty('x-forwarded-prefix')
    const off = (await sent(replay(to, { forwarded: 'off' }), { headers })).headers
    expect(off['x-forwarded-for']).toBe('10.0.0.1')
  })

  test('goes to its server, whatever host its url names', async () => {
    const handler = replay(await mirror())
    expect((await sent(handler, { url: '//127.0.0.1:1/x' })).url).toBe('//127.0.0.1:1/x')
    const { url, headers } = await sent(handler, { url: 'http://other.example:1/x' })
    expect([url, headers['host']]).toEqual(['/x', 'other.example:1'])
  })

  test.each([
    ['a header with a newline', { headers: { 'x-a': 'b\r\nx-evil: 1' } }],
    ['a name that is none', { headers: { 'x a': 'b' } }],
    ['a host with a newline', { headers: { host: 'a\r\nx-evil: 1' } }],
    ['a method that is none', { method: 'GET / HTTP/1.1\r\n' }],
    ['a url with a space', { url: '/ HTTP/1.1' }],
    ['a url with a newline', { url: '/\r\nx-evil: 1' }],
    ['a mount with a newline', { mount: '/\r\nx-evil: 1' }],
    ['text that is not latin1', { headers: { 'x-a': '日本' } }],
  ])('with %s never leaves', async (_, given) => {
    expect(await failing(ask(replay(await mirror()), given))).toBe(400)
  })
})

describe('a response', () => {
  test('comes back with each of its fields, several of one name apart', async () => {
    const to = await upstream((_req, res) => {
      res.writeHead(201, [
        ...['Set-Cookie', 'a=1; Path=/', 'Set-Cookie', 'b=2, x', 'Vary', 'A', 'Vary', 'B'],
        ...['X-One', 'Ã¼', 'Connection', 'close, x-hop', 'X-Hop', '1', '__proto__', 'x'],
        ...['Keep-Alive', 'x', 'Content-Length', '2'],
      ])
      // Text would take the fields with it into UTF-8.
      res.end(Buffer.from('hi'))
    })
    const { status, headers, body, streamed } = await ask(replay(to))
    expect([status, body.toString(), streamed]).toEqual([201, 'hi', false])
    expect(headers).toMatchObject({
      ...{ 'set-cookie': ['a=1; Path=/', 'b=2, x'], vary: ['A', 'B'], 'x-one': 'Ã¼' },
    })
    for (const name of ['connection', 'x-hop', 'keep-alive', '__proto__'])
      expect(Object.keys(headers)).not.toContain(name)
  })

  test('keeps its encoding, and is not decoded', async () => {
    const zipped = gzipSync('hello')
    const to = await upstream((_req, res) => {
      res.writeHead(200, { 'content-encoding': 'gzip', 'content-length': zipped.length })
      res.end(zipped)
    })
    const { headers, body } = await ask(replay(to))
    expect(headers['content-encoding']).toBe('gzip')
    expect(body).toEqual(zipped)
  })

  test('that redirects is passed on, not followed', async () => {
    let requests = 0
    const to = await upstream((_req, res) => {
      requests++
      res.writeHead(307, { location: '/elsewhere', 'content-length': 0 }).end()
    })
    expect(await ask(replay(to))).toMatchObject({
      ...{ status: 307, headers: { location: '/elsewhere' } },
    })
    expect(requests).toBe(1)
  })

  test('to HEAD, and 204 and 304, has no body and keeps its length', async () => {
    const to = await upstream((req, res) => {
      const status = Number(req.headers['x-status'] ?? 200)
      res.writeHead(status, status === 204 ? {} : { 'content-length': 1234 }).end()
    })
    const head = await ask(replay(to), { method: 'HEAD' })
    expect(head).toMatchObject({ status: 200, headers: { 'content-length': '1234' } })
    expect(head.body).toHaveLength(0)
    for (const status of ['204', '304']) {
      const answer = await ask(replay(to), { headers: { 'x-status': status } })
      expect(answer).toMatchObject({ status: Number(status), streamed: false })
    }
  })

  test('is streamed where it is long, or nobody knows how long', async () => {
    const large = Buffer.alloc(100_000, 'x')
    const to = await upstream((req, res) => {
      if (req.url === '/known') res.setHeader('content-length', large.length)
      res.write(large.subarray(0, 10))
      res.end(large.subarray(10))
    })
    for (const url of ['/known', '/unknown']) {
      const { body, streamed } = await ask(replay(to), { url })
      expect(streamed).toBe(true)
      expect(body.equals(large)).toBe(true)
    }
    const whole = await ask(replay(to, { collectBytes: 100_000 }), { url: '/known' })
    expect(whole.streamed).toBe(false)
  })
})

describe('a connection', () => {
  test('is kept for what may be sent twice, and only for that', async () => {
    const ports: (number | undefined)[] = []
    const to = await upstream((req, res) => {
      ports.push(req.socket.remotePort)
      res.end('x')
    })
    const handler = replay(to)
    for (const method of ['GET', 'GET', 'POST', 'POST']) await ask(handler, { method })
    expect(ports[1]).toBe(ports[0])
    expect(new Set(ports).size).toBe(3)
  })

  test('that was closed meanwhile is made anew, for what may be sent twice', async () => {
    let connections = 0
    const to = await rawUpstream((socket) => {
      connections++
      // The second request on a connection finds it closed, without a warning.
      void once(socket, 'data').then(async () => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
        await once(socket, 'data')
        socket.resetAndDestroy()
      })
    })
    const handler = replay(to)
    for (let i = 0; i < 4; i++) expect((await ask(handler)).body.toString()).toBe('ok')
    expect(connections).toBeGreaterThan(1)
  })
})
