/** What a client sees of a worker's good reply, as HTTP wants it. */
import { expect, test } from '@jest/globals'
import connect from 'connect'
import express from 'express'
import { describeWithRedis } from '../../../test/helpers/redis'
import { ask, get, keepAlive, problemOf, RawClient, responsesIn } from './client'
import { ascii, dictate, rawReplied, replied } from './dictate'
import { type serve, useRedis } from './serve'

const SECRET = 'SECRET'

describeWithRedis('the reply to a request', () => {
  const redis = useRedis()

  test('reaches the client with status, headers and body', async () => {
    const port = await dictate(redis.url)
    const answer = await replied(port, [
      201,
      { 'X-Thing': 'a', 'x-n': 5, location: '/x' },
      'hé\0llo',
    ])
    expect(answer).toMatchObject({ status: 201, reason: 'Created', text: 'hé\0llo' })
    expect(answer.headers).toMatchObject({
      'x-thing': 'a',
      'x-n': '5',
      location: '/x',
      'content-length': '7',
    })
    expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f]{16}-/)
  })

  test.each([
    [[200, {}], ''],
    [[200, {}, null], ''],
    [[200, {}, ''], ''],
    [[200, {}, 'a'], 'a'],
    [[599, {}, { base64: '' }], ''],
    [[200, {}, { base64: '/wA=' }], '\xff\0'],
    [[404, {}, '\ufeffx'], '\xef\xbb\xbfx'],
    [[200, {}, '\ud800'], '\xef\xbf\xbd'],
  ])('%j is a response', async (result, body) => {
    const answer = await replied(await dictate(redis.url), result)
    expect(answer.status).toBe(result[0])
    expect(answer.body.toString('latin1')).toBe(body)
    expect(answer.headers['content-length']).toBe(String(body.length))
  })

  test.each([['text'], ['h\u00e9'], [{ base64: '//4=' }], [undefined]])(
    'has the bytes of a field as they are, beside the body %j',
    async (body) => {
      const port = await dictate(redis.url)
      const text = await rawReplied(port, [200, { 'x-name': '\u00c3\u00bc' }, body])
      expect(text).toContain('x-name: \xc3\xbc\r\n')
      if (body === 'h\u00e9') expect(text).toContain('h\xc3\xa9')
    },
  )

  test.each([
    ['a bare server', undefined],
    ['Connect', (front) => connect().use(front.work('tempest'))],
    ['Express', (front) => express().use(front.work('tempest'))],
    [
      'Connect behind middleware that sets headers',
      (front) =>
        connect()
          .use((_req, res, next) => {
            res.setHeader('X-Before', '1').setHeader('Vary', 'Origin')
            next()
          })
          .use(front.work('tempest')),
    ],
  ] satisfies [string, Parameters<typeof serve>[1]][])(
    'has its headers with several values in %s, and none of a refused one',
    async (_, app) => {
      const port = await dictate(redis.url, app)
      const headers = { 'Set-Cookie': ['a=1', 'b=2'], 'set-cookie': ['c=3'], Link: ['<x>', '<y>'] }
      const answer = await replied(port, [200, headers, 'x'])
      expect(answer.headers['set-cookie']).toEqual(['a=1', 'b=2', 'c=3'])
      expect(answer.headers.link).toBe('<x>, <y>')
      expect(answer.headers['content-length']).toBe('1')
      for (const wrong of [{ 'x-bad': 'a\nb' }, { 'x bad': 'a' }]) {
        const bad = await replied(port, [200, { 'x-good': SECRET, ...wrong }, SECRET])
        expect([bad.status, bad.reason]).toEqual([502, 'Bad Gateway'])
        expect(JSON.stringify(bad)).not.toContain(SECRET)
        expect(bad.headers['x-good']).toBeUndefined()
      }
    },
  )

  test('has no header of one hop, whatever the worker says, and our Content-Length', async () => {
    const port = await dictate(redis.url)
    for (const connection of ['Connection', 'connection', 'CONNECTION', 'cOnNection']) {
      const headers = {
        [connection]: 'X-Mine, close, x-other',
        'X-Mine': SECRET,
        'x-Other': SECRET,
        'Keep-Alive': `timeout=${SECRET}`,
        'Transfer-Encoding': 'chunked',
        'Proxy-Connection': SECRET,
        TE: SECRET,
        Trailer: SECRET,
        Upgrade: SECRET,
        'CONTENT-Length': '1',
        'content-length': 77,
        'x-kept': '1',
      }
      const text = await rawReplied(port, [200, headers, 'body'])
      expect(text).not.toContain(SECRET)
      expect(text).not.toMatch(/chunked|x-mine|x-other|keep-alive|upgrade|trailer/i)
      expect(text.match(/content-length/gi)).toHaveLength(1)
      expect(text.match(/connection:.*/gi)).toEqual(['Connection: close'])
      expect(responsesIn(text)).toMatchObject([{ line: 'HTTP/1.1 200 OK', body: 'body' }])
    }
    const listed = { connection: ['x-mine', 'x-other'], 'x-mine': SECRET, 'x-other': SECRET }
    expect(await rawReplied(port, [200, listed, ''])).not.toContain(SECRET)
  })

  test('a worker cannot close or keep the connection', async () => {
    const port = await dictate(redis.url)
    const agent = keepAlive()
    const answer = await replied(port, [200, { connection: 'close' }, 'x'], { agent })
    expect(answer.headers.connection).toBe('keep-alive')
    const text = await rawReplied(port, [200, { connection: 'keep-alive' }, 'x'])
    expect(text).toMatch(/^connection: close/im)
  })

  const bodiless: [string, [number, object, unknown?], string | undefined][] = [
    ['HEAD', [200, {}, 'body'], '4'],
    ['HEAD', [200, { 'content-length': '99' }, 'body'], '4'],
    ['HEAD', [200, { 'Content-Length': 99 }], '99'],
    ['HEAD', [200, { 'content-length': '9, 9' }], undefined],
    ['HEAD', [200, {}], undefined],
    ['HEAD', [404, { 'content-length': '7' }, null], '7'],
    ['GET', [204, {}, 'body'], undefined],
    ['GET', [204, { 'content-length': '4' }], undefined],
    ['GET', [304, { etag: '"x"', 'content-length': '99' }], '99'],
    ['GET', [304, {}, 'body'], '4'],
    ['GET', [304, {}], undefined],
    ['HEAD', [204, { 'content-length': '4' }, 'body'], undefined],
  ]
  test.each(bodiless)(
    'to %s, %j has no body and Content-Length %s, and the next one follows',
    async (method, result, length) => {
      const port = await dictate(redis.url)
      const client = await RawClient.open(port)
      client.write(`${method} / HTTP/1.1\r\nHost: h\r\nx-reply: ${ascii(result)}\r\n\r\n`)
      await client.hears('\r\n\r\n')
      client.write(get('/', `x-reply: ${ascii([200, {}, 'next'])}`))
      await client.hears('next')
      const [head = '', ...rest] = client.text.split('\r\n\r\n')
      expect(head).toContain(`HTTP/1.1 ${result[0]} `)
      expect(/^content-length: (.*)$/im.exec(head)?.[1]).toBe(length)
      expect(head).not.toMatch(/transfer-encoding/i)
      expect(rest).toHaveLength(2)
      expect(rest[0]).toMatch(/^HTTP\/1\.1 200 OK/)
      expect(rest[1]).toBe('next')
    },
  )

  test('carries X-Request-Id: the worker’s, else the client’s, else the id of the job', async () => {
    const port = await dictate(redis.url)
    const headers = { 'x-reply': '[200,{}]', 'X-Request-Id': 'mine' }
    expect((await ask(port, '/', { headers })).headers['x-request-id']).toBe('mine')
    const own = { 'x-reply': '[200,{"X-Request-ID":"its"}]', 'X-Request-Id': 'mine' }
    expect((await ask(port, '/', { headers: own })).headers['x-request-id']).toBe('its')
    const bad = { 'x-reply': '[]', 'X-Request-Id': 'mine' }
    const problem = await ask(port, '/', { headers: bad })
    expect(problem.headers['x-request-id']).toBe('mine')
    expect(problemOf(problem)).toMatchObject({ request_id: 'mine' })
  })
})
