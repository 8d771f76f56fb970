/** Connect and Express applications, and plain listeners, called without a port. */
import { afterEach, describe, expect, test } from '@jest/globals'
import connect from 'connect'
import express from 'express'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { until } from '../../../test/helpers/until'
import { inject, type NodeApp } from '../src'
import { Gradual } from './gradual'
import { ask, closeAll, failing, start } from './handle'

afterEach(closeAll)

/** What Express declares is narrower than what it is. */
function expressApp(set: (app: express.Express) => void): NodeApp {
  const app = express()
  set(app)
  return app
}

describe('an Express application', () => {
  test('has bodies, cookies, queries and redirects as behind a port', async () => {
    const app = expressApp((app) => {
      app.use(express.urlencoded({ extended: false }), express.raw())
      app.get('/query', (req, res) => void res.json([req.query, req.ip, req.hostname]))
      app.post('/form', (req, res) => void res.status(201).json(req.body))
      app.post('/raw', (req, res) => void res.send(req.body))
      app.get('/cookies', (req, res) => {
        res.cookie('a', '1').cookie('b', req.headers.cookie).redirect('/query')
      })
    })
    const handler = inject(app)
    expect((await ask(handler, { url: '/query?x=1&x=2' })).body.toString()).toBe(
      '[{"x":["1","2"]},"192.0.2.7","example.com"]',
    )
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    const posted = { method: 'POST', url: '/form', headers: form, body: Buffer.from('a=%C3%BC') }
    const answer = await ask(handler, posted)
    expect([answer.status, answer.body.toString()]).toEqual([201, '{"a":"ü"}'])
    const body = Buffer.from(Array.from({ length: 256 }, (_, n) => n))
    const headers = { 'content-type': 'application/octet-stream' }
    expect((await ask(handler, { method: 'POST', url: '/raw', headers, body })).body).toEqual(body)
    expect(await ask(handler, { url: '/cookies', headers: { cookie: 'c=3' } })).toMatchObject({
      status: 302,
      headers: { location: '/query', 'set-cookie': ['a=1; Path=/', 'b=c%3D3; Path=/'] },
    })
    const head = await ask(handler, { method: 'HEAD', url: '/query' })
    expect([head.status, head.body.length, head.streamed]).toEqual([200, 0, false])
  })

  test('that is mounted has both urls, as under Connect', async () => {
    const app = expressApp((app) => {
      app.use('/b', (req, res) => void res.json([req.url, req.baseUrl, req.originalUrl]))
    })
    const { body } = await ask(inject(app), { url: '/b/c?d', mount: '/a' })
    expect(JSON.parse(body.toString())).toEqual(['/c?d', '/a/b', '/a/b/c?d'])
  })

  test('that throws is a failure without a word of it, one with a status keeps that', async () => {
    const app = expressApp((app) => {
      app.use(express.json({ limit: 10 }))
      app.get('/throws', () => {
        throw new Error('secret')
      })
      app.get('/rejects', () => Promise.reject(new Error('secret')))
      app.get('/status', () => {
        throw Object.assign(new Error('secret'), { status: 418 })
      })
    })
    const handler = inject(app)
    await expect(ask(handler, { url: '/throws' })).rejects.toThrow('secret')
    await expect(ask(handler, { url: '/rejects' })).rejects.toThrow('secret')
    expect(await failing(ask(handler, { url: '/status' }))).toBe(418)
    expect(await failing(ask(handler, { url: '/nowhere' }))).toBe(404)
    const large = { method: 'POST', body: Buffer.from('{"a":"1234567890"}') }
    const headers = { 'content-type': 'application/json' }
    expect(await failing(ask(handler, { ...large, headers }))).toBe(413)
  })
})

describe('a Connect application', () => {
  test('is called with the url that mounting left, and originalUrl', async () => {
    const app = connect().use('/b', (req, res) => {
      res.end(JSON.stringify([req.url, req.originalUrl]))
    })
    const { body } = await ask(inject(app), { url: '/b/c?d', mount: '/a' })
    expect(JSON.parse(body.toString())).toEqual(['/c?d', '/a/b/c?d'])
    expect(await failing(ask(inject(app), { url: '/x' }))).toBe(404)
  })
})

describe('a listener', () => {
  const listening = (app: (req: IncomingMessage, res: ServerResponse) => unknown): NodeApp => app

  test('sees its url byte by byte, and fields as Node has them', async () => {
    const app = listening((req, res) => res.end(JSON.stringify([req.url, req.headers])))
    for (const url of ['/a/../b', '//host/x', '/%zz', '/a#b']) {
      const headers = { host: 'h', 'x-a': 'b' }
      expect(JSON.parse((await ask(inject(app), { url, headers })).body.toString())).toEqual([
        url,
        { ...headers, connection: 'close' },
      ])
    }
  })

  test.each([
    ['throws', () => Promise.reject(new Error('secret'))],
    ['breaks the connection', (req: IncomingMessage) => req.socket.destroy()],
    ['has a status of its own', (_: unknown, res: ServerResponse) => void res.writeHead(1000)],
  ])('that %s fails', async (_, app) => {
    expect(await failing(ask(inject(listening(app))))).toBeGreaterThanOrEqual(500)
  })

  test('that never answers is 504 in time', async () => {
    const closed: string[] = []
    const app = listening((_req, res) => res.once('close', () => closed.push('res')))
    expect(await failing(ask(inject(app, { timeoutMs: 30 })))).toBe(504)
    await until(() => closed.length > 0)
  })

  test('that breaks off within its body breaks the response, with its own reason', async () => {
    const short = listening((_req, res) => {
      res.writeHead(200, { 'content-length': 10 }).write('abc')
      res.end()
    })
    expect(await failing(ask(inject(short)))).toBe(502)
    const destroyed = listening((_req, res) => {
      res.write('abc', () => res.destroy())
    })
    await expect(ask(inject(destroyed))).rejects.toThrow()
    const thrown = listening(async (_req, res) => {
      await new Promise((resolve) => res.write('abc', resolve))
      throw new Error('the reason')
    })
    await expect(ask(inject(thrown))).rejects.toThrow('the reason')
  })

  test('is no faster than its reader, and its body comes whole', async () => {
    const piece = Buffer.alloc(64 * 1024, 'x')
    const gradual = new Gradual(100, piece)
    const { body } = await start(inject(gradual.app))
    if (!(body instanceof Readable)) throw new Error('it did not come piece by piece')
    await until(() => gradual.blocked)
    expect(gradual.written).toBeLessThan(20)
    expect(Buffer.concat((await body.toArray()) as Buffer[]).length).toBe(100 * piece.length)
  })

  test('hears that nobody waits any more', async () => {
    const heard: string[] = []
    const app = listening((req, res) => {
      req.once('close', () => heard.push('req'))
      res.once('close', () => heard.push('res'))
      res.write('abc')
    })
    const left = new AbortController()
    const { body } = await start(inject(app), {}, left.signal)
    if (!(body instanceof Readable)) throw new Error('it did not come piece by piece')
    body.on('error', () => undefined)
    left.abort()
    await until(() => heard.length === 2)
  })

  test('may ask of its socket what a socket has', async () => {
    const app = listening((req, res) => {
      req.setTimeout(1000)
      res.setTimeout(1000)
      req.socket.setNoDelay().setKeepAlive()
      res.end(`${req.socket.remoteAddress}`)
    })
    expect((await ask(inject(app))).body.toString()).toBe('192.0.2.7')
  })

  test('gets no request that cannot be', async () => {
    let requests = 0
    const handler = inject(listening(() => requests++))
    expect(await failing(ask(handler, { url: '/\r\nx: y' }))).toBe(400)
    expect(await failing(ask(handler, { headers: { 'x-a': 'b\nc: d' } }))).toBe(400)
    expect(requests).toBe(0)
  })
})
