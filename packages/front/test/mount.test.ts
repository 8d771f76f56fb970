/** The middleware in Connect, in Express and in a bare server: what is left of the url, and what `mount` says. */
import { expect, test } from '@jest/globals'
import type { Front } from '@tempest/front'
import connect from 'connect'
import express from 'express'
import type { RequestListener } from 'node:http'
import { describeWithRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import { ask, get, RawClient, responsesIn } from './client'
import { serve, work, useRedis } from './serve'

describeWithRedis('front.work as middleware', () => {
  const redis = useRedis()

  const echo = async (): Promise<void> => {
    await work(redis.url, ({ url, mount }) => JSON.stringify([mount, url]))
  }
  const seenFrom = async (port: number, target: string): Promise<unknown> => {
    const text = await RawClient.tell(port, get(target, 'Connection: close'))
    return JSON.parse(responsesIn(text)[0]?.body ?? 'null')
  }

  test('serves all of a bare server', async () => {
    const { port } = await serve({ redis: redis.url })
    await echo()
    expect(await seenFrom(port, '/a/b?c')).toEqual(['', '/a/b?c'])
    const options = 'OPTIONS * HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n'
    expect(responsesIn(await RawClient.tell(port, options))[0]?.body).toBe('["","*"]')
  })

  const inConnect = (front: Front): RequestListener => {
    const inner = connect().use('/n', front.work('tempest'))
    return connect().use('/m', inner).use('/m', front.work('tempest')).use(front.work('tempest'))
  }
  const inExpress = (front: Front): RequestListener => {
    const app = express()
    const inner = express.Router().use('/n', front.work('tempest'))
    app.use('/m', inner)
    app.use('/m', front.work('tempest'))
    app.use(front.work('tempest'))
    return app
  }

  test.each([
    ['Connect', inConnect],
    ['Express', inExpress],
  ])(
    'in %s has the url as mounting leaves it, and the prefix that was stripped',
    async (_, app) => {
      const { port } = await serve({ redis: redis.url }, app)
      await echo()
      for (const [target, ...expected] of [
        ['/', '', '/'],
        ['/a?b=%2F', '', '/a?b=%2F'],
        ['/mm', '', '/mm'],
        ['/m', '/m', '/'],
        ['/m/', '/m', '/'],
        ['/m?x=/m', '/m', '/?x=/m'],
        ['/m/?x', '/m', '/?x'],
        ['/m/m', '/m', '/m'],
        ['/m/a//b?c', '/m', '/a//b?c'],
        ['/M/a', '/M', '/a'],
        ['/m/n', '/m/n', '/'],
        ['/m/n/a?b', '/m/n', '/a?b'],
        ['/m/n?b', '/m/n', '/?b'],
        ['http://h/a?b', '', 'http://h/a?b'],
        ['http://h/m/a?b', '/m', 'http://h/a?b'],
        ['http://h/m/n/a', '/m/n', 'http://h/a'],
      ]) {
        expect([target, await seenFrom(port, target ?? '')]).toEqual([target, expected])
      }
    },
  )

  test('in Express inside Connect and the other way round names both prefixes', async () => {
    await echo()
    const one = await serve({ redis: redis.url }, (front) =>
      connect().use('/c', express().use('/e', front.work('tempest'))),
    )
    expect(await seenFrom(one.port, '/c/e/x?y')).toEqual(['/c/e', '/x?y'])
    const other = await serve({ redis: redis.url }, (front) =>
      express().use('/e', connect().use('/c', front.work('tempest'))),
    )
    expect(await seenFrom(other.port, '/e/c/x?y')).toEqual(['/e/c', '/x?y'])
  })

  test('ends every request itself and never calls next', async () => {
    let called = 0
    const { port } = await serve({ redis: redis.url }, (front) =>
      connect()
        .use(
          front.work('tempest', { deadlineMs: ({ method }) => (method === 'GET' ? 50 : 30_000) }),
        )
        .use(() => called++),
    )
    expect((await ask(port)).status).toBe(504)
    await work(redis.url, () => 'hello')
    expect((await ask(port, '/', { method: 'POST', body: 'x' })).text).toBe('hello')
    expect(called).toBe(0)
  })

  test('answers 500 behind a body parser, and names the mount order in the log only', async () => {
    const lines: string[] = []
    const log = (fields: object, message: string): void =>
      void lines.push(`${JSON.stringify(fields)} ${message}`)
    const logger = { debug: log, info: log, warn: log, error: log }
    const { port } = await serve({ redis: redis.url, logger }, (front) =>
      express().use(express.json(), front.work('tempest')),
    )
    await work(redis.url, ({ body }) => body)
    const headers = { 'content-type': 'application/json' }
    const refused = await ask(port, '/', { method: 'POST', headers, body: '{"a":1}' })
    expect(refused.status).toBe(500)
    expect(refused.text).toContain('"code":"BODY_CONSUMED"')
    expect(refused.text).not.toMatch(/mount|parser|front\.work/)
    expect(lines.join('\n')).toMatch(/before front\.work: mount body parsers behind it/)
    const plain = await ask(port, '/', { method: 'POST', body: '{"a":1}' })
    expect([plain.status, plain.text]).toEqual([200, '{"a":1}'])
    expect((await ask(port)).status).toBe(200)
  })

  test('pushes nothing for a client that left before the request reached it', async () => {
    let pass: (() => void) | undefined
    const { port, front, server } = await serve({ redis: redis.url }, (made) =>
      connect()
        .use((_req, _res, next) => (pass = next))
        .use(made.work('tempest', { deadlineMs: 60_000 })),
    )
    await until(() => front.stats().connected)
    let closed = false
    server.on('connection', (socket) => socket.on('close', () => (closed = true)))
    const client = await RawClient.open(port)
    client.write(get('/'))
    const next = await until(() => pass)
    client.leave()
    await until(() => closed)
    next()
    expect(front.stats()).toMatchObject({ inFlight: 0, left: 1 })
    await new Promise(setImmediate)
    expect(await redis.cli('LLEN', 'tempest')).toBe(0)
  })

  test('does no harm where middleware before it has answered already', async () => {
    const { port, front } = await serve({ redis: redis.url }, (made) =>
      connect()
        .use((_req, res, next) => {
          res.end('early')
          next()
        })
        .use(made.work('tempest')),
    )
    await work(redis.url, () => 'late')
    expect((await ask(port)).text).toBe('early')
    await until(() => front.stats().inFlight === 0)
    expect((await ask(port)).text).toBe('early')
  })
})
