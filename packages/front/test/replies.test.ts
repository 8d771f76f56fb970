/** What a client sees of a worker's reply: the good ones as HTTP wants them, the bad ones as 502, late ones not at all. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import connect from 'connect'
import express from 'express'
import fc from 'fast-check'
import { Agent } from 'node:http'
import { describeWithRedis, startTestRedis, type TestRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import { type Answer, ask, get, problemOf, type Question, RawClient, responsesIn } from './client'
import { atClose, closeAll, fieldsOf, Hand, type Popped, serve } from './serve'

/** What the test has put into the header x-reply. */
const wanted = (job: Popped): unknown => {
  const headers = fieldsOf(fieldsOf(job.args[0])['headers'])
  return JSON.parse(String(headers['x-reply']))
}
const SECRET = 'SECRET'

describeWithRedis('the reply to a request', () => {
  let redis: TestRedis
  beforeAll(async () => {
    redis = await startTestRedis()
  })
  afterEach(async () => {
    await closeAll()
    await redis.cli('FLUSHALL')
  })
  afterAll(() => redis.stop())

  const start = async (app?: Parameters<typeof serve>[1]): Promise<number> => {
    const { port } = await serve({ redis: redis.url }, app)
    new Hand(redis.url).answerAll(wanted)
    return port
  }
  const replied = (port: number, result: unknown, question: Question = {}): Promise<Answer> =>
    ask(port, '/', { ...question, headers: { 'x-reply': ascii(result) } })

  /** The bytes of the response to a request of this method. */
  const rawReplied = async (port: number, result: unknown, method = 'GET'): Promise<string> => {
    const text = get('/', `x-reply: ${ascii(result)}`, 'Connection: close').replace('GET', method)
    return RawClient.tell(port, text)
  }

  test('reaches the client with status, headers and body', async () => {
    const port = await start()
    const answer = await replied(port, [201, { 'X-Thing': 'a', 'x-n': 5, location: '/x' }, 'hé\0llo'])
    expect(answer).toMatchObject({ status: 201, reason: 'Created', text: 'hé\0llo' })
    expect(answer.headers).toMatchObject({
      'x-thing': 'a',
      'x-n': '5',
      location: '/x',
      'content-length': '8',
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
    const answer = await replied(await start(), result)
    expect(answer.status).toBe(result[0])
    expect(answer.body.toString('latin1')).toBe(body)
    expect(answer.headers['content-length']).toBe(String(body.length))
  })

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
      const port = await start(app)
      const headers = { 'Set-Cookie': ['a=1', 'b=2'], 'set-cookie': ['c=3'], Link: ['<x>', '<y>'] }
      const answer = await replied(port, [200, headers, 'x'])
      expect(answer.headers['set-cookie']).toEqual(['a=1', 'b=2', 'c=3'])
      expect(answer.headers.link).toBe('<x>, <y>')
      expect(answer.headers['content-length']).toBe('1')
      const bad = await replied(port, [200, { 'x-good': SECRET, 'x-bad': 'a\nb' }, SECRET])
      expect([bad.status, bad.reason]).toEqual([502, 'Bad Gateway'])
      expect(JSON.stringify(bad)).not.toContain(SECRET)
      expect(bad.headers['x-good']).toBeUndefined()
    },
  )

  test('has no header of one hop, whatever the worker says, and our Content-Length', async () => {
    const port = await start()
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
    const port = await start()
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    atClose(async () => Promise.resolve(agent.destroy()))
    const answer = await replied(port, [200, { connection: 'close' }, 'x'], { agent })
    expect(answer.headers.connection).toBe('keep-alive')
    const text = await rawReplied(port, [200, { connection: 'keep-alive' }, 'x'])
    expect(text).toMatch(/^connection: close/im)
  })

  test.each([
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
  ])('to %s, %j has no body and Content-Length %s, and the next one follows', async (method, result, length) => {
    const port = await start()
    const client = await RawClient.open(port)
    client.write(`${method} / HTTP/1.1\r\nHost: h\r\nx-reply: ${ascii(result)}\r\n\r\n`)
    await client.hears('\r\n\r\n')
    client.write(get('/', `x-reply: ${ascii([200, {}, 'next'])}`))
    await client.hears('next')
    const [head = '', ...rest] = client.text.split('\r\n\r\n')
    expect(head).toContain(`HTTP/1.1 ${String(result[0])} `)
    expect(/^content-length: (.*)$/im.exec(head)?.[1]).toBe(length)
    expect(head).not.toMatch(/transfer-encoding/i)
    expect(rest).toHaveLength(2)
    expect(rest[0]).toMatch(/^HTTP\/1\.1 200 OK/)
    expect(rest[1]).toBe('next')
  })

  const badValues: unknown[] = [null, 5, true, {}, [], { toString: null }, [[]], { base64: 1 }]
  const bad: unknown[] = [
    ...[null, 'text', 5, {}, [], { 0: 200, 1: {} }, { toString: null }, true],
    ...[999, 600, 199, 100, 101, 0, -200, 1.5, 1e300, '200', null, [200], { toString: 1 }, true].map(
      (status) => [status, { 'x-a': SECRET }, SECRET],
    ),
    ...[null, 'a', 5, [], [['a', 'b']], undefined].map((headers) => [200, headers, SECRET]),
    ...['a\nb', 'a\r\nx-in: b', '\0', '\u0100', null, true, {}, [null], ['a', 5], [['a']], { toString: null }].map(
      (value) => [200, { 'x-good': SECRET, 'x-bad': value }, SECRET],
    ),
    ...['', 'a b', 'a\nb', 'a:', 'é', 'a\r\nx: y'].map((name) => [200, { [name]: SECRET }, SECRET]),
    ...badValues.slice(1).map((body) => [200, { 'x-a': SECRET }, body]),
    ...['a', 'ab=', '====', 'AA=A', '_-8=', 'AA==\n', ' AAA'].map((base64) => [200, {}, { base64 }]),
    [200, { connection: [{ toString: null }] }, SECRET, SECRET],
    [200, { 'content-length': { toString: null } }, SECRET],
    [200, { 'content-length': [{ toString: null }] }, SECRET],
    [200, {}, SECRET, SECRET],
    [200, {}, '', null],
  ]
  describe('that is malformed', () => {
    test('is a 502 at once, of which nothing reaches the client', async () => {
      const port = await start()
      for (const result of bad) {
        const text = await rawReplied(port, result)
        expect([result, text]).toEqual([result, expect.stringMatching(/^HTTP\/1\.1 502 Bad Gateway\r\n/)])
        expect(text).not.toMatch(/SECRET|x-good|x-bad|x-in/)
        expect(text).toContain('"code":"BAD_REPLY"')
      }
    })

    test('hurts nobody when it comes by the channel', async () => {
      const { port, front } = await serve({ redis: redis.url })
      const hand = new Hand(redis.url)
      for (const result of [{ toString: null }, [{ toString: null }, {}], 7]) {
        const answer = ask(port)
        const job = await hand.pop()
        await redis.cli('PUBLISH', job.respondTo ?? '', JSON.stringify(['answer', job.id, result]))
        expect((await answer).status).toBe(502)
      }
      expect(front.stats()).toMatchObject({ inFlight: 0, errors: { BAD_REPLY: 3 } })
    })

    test('or anything else that JSON can say is a whole response, and the connection goes on', async () => {
      const port = await start()
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      atClose(async () => Promise.resolve(agent.destroy()))
      const status = fc.oneof(fc.integer({ min: 190, max: 610 }), fc.jsonValue({ maxDepth: 1 }))
      const value = fc.oneof(fc.string(), fc.array(fc.string()), fc.jsonValue({ maxDepth: 1 }))
      const headers = fc.dictionary(fc.string({ maxLength: 12 }), value, { maxKeys: 4 })
      const reply = fc.oneof(
        fc.jsonValue(),
        fc.tuple(fc.constant(200), headers, fc.string()),
        fc.tuple(status, headers, fc.jsonValue()),
      )
      await fc.assert(
        fc.asyncProperty(reply, async (result) => {
          const answer = await replied(port, result, { agent })
          expect(answer.status).toBeGreaterThanOrEqual(200)
          expect(answer.status).toBeLessThanOrEqual(599)
          if (answer.status === 502 && answer.text.includes('BAD_REPLY')) return
          expect(answer.status).toBe(Array.isArray(result) ? result[0] : undefined)
        }),
        { numRuns: 300 },
      )
    })
  })

  describe('that is a failure', () => {
    const failed = async (third: unknown): Promise<Answer> => {
      const { port } = await serve({ redis: redis.url })
      const answer = ask(port)
      const job = await new Hand(redis.url).pop()
      await job.push(JSON.stringify(['fail', job.id, third]))
      return answer
    }
    test.each([
      [{ message: SECRET }, 500, 'HANDLER_FAILED'],
      [{ message: SECRET, status: 418 }, 418, 'HANDLER_FAILED'],
      [{ message: SECRET, code: 'HTTP_ERROR', status: 410 }, 410, 'HTTP_ERROR'],
      [{ message: SECRET, code: 'NO_HANDLER' }, 501, 'NO_HANDLER'],
      [{ message: SECRET, code: SECRET }, 500, 'HANDLER_FAILED'],
      [{ message: SECRET, code: 'toString' }, 500, 'HANDLER_FAILED'],
      [{ message: SECRET, code: 5, stack: SECRET }, 500, 'HANDLER_FAILED'],
      [{}, 500, 'HANDLER_FAILED'],
    ])('%j has its status and no details', async (third, status, code) => {
      const answer = await failed(third)
      expect(answer.status).toBe(status)
      expect(problemOf(answer)).toMatchObject({ status, code })
      expect(JSON.stringify(answer)).not.toContain(SECRET)
    })

    test.each([
      [{ message: SECRET, status: 200 }],
      [{ message: SECRET, status: '500' }],
      [{ message: SECRET, status: 600 }],
      [{ status: null }],
      [null],
      [SECRET],
      [[500, {}, SECRET]],
    ])('%j, of the wrong shape, is a 502 at once', async (third) => {
      const answer = await failed(third)
      expect(answer.status).toBe(502)
      expect(JSON.stringify(answer)).not.toContain(SECRET)
    })
  })

  test('comes from the mailbox or from the channel of its name', async () => {
    const { port } = await serve({ redis: redis.url })
    const hand = new Hand(redis.url)
    const first = ask(port)
    const job = await hand.pop()
    const entry = JSON.stringify(['url', job.id, [200, {}, 'published']])
    expect(await redis.cli('PUBLISH', job.respondTo ?? '', entry)).toBe(1)
    expect((await first).text).toBe('published')
    const second = ask(port)
    const other = await hand.pop()
    const fail = JSON.stringify(['fail', other.id, { status: 418, message: SECRET }])
    await redis.cli('PUBLISH', other.respondTo ?? '', fail)
    expect((await second).status).toBe(418)
  })

  test('counts once: second, late, foreign and guessed ones are refused and do no harm', async () => {
    const { port, front } = await serve({ redis: redis.url }, (made) =>
      made.work('tempest', { deadlineMs: (req) => (req.url === '/late' ? 60 : 30_000) }),
    )
    const hand = new Hand(redis.url)
    const first = ask(port)
    const one = await hand.pop()
    const open = ask(port)
    const two = await hand.pop()
    const answer = (id: string, body: string): string => JSON.stringify(['answer', id, [200, {}, body]])
    await two.push(answer(two.id.slice(0, -1) + (two.id.endsWith('0') ? '1' : '0'), 'guessed'))
    await two.push(answer(two.id.replace(/^./, (c) => (c === 'f' ? 'e' : 'f')), 'foreign'))
    await two.push(answer(`${two.id}.2`, 'an attempt never made'))
    await two.push(JSON.stringify(['whatever', two.id, [200, {}, 'unknown verb']]))
    for (const entry of ['', '{', 'null', '[]', '{}', '[1,2]', '["answer"]', '["answer",null,[200,{}]]']) {
      await two.push(entry)
    }
    for (const body of ['first', 'second', 'third']) await one.push(answer(one.id, body))
    expect((await first).text).toBe('first')
    await until(() => front.stats().refusals.late === 3)
    expect(front.stats().refusals).toEqual({
      malformed: 8,
      unknownVerb: 1,
      late: 3,
      foreign: 1,
      fenced: 1,
    })
    await two.push(answer(two.id, 'right'))
    expect((await open).text).toBe('right')
    const late = ask(port, '/late')
    const three = await hand.pop()
    expect((await late).status).toBe(504)
    await three.push(answer(three.id, 'late'))
    await until(() => front.stats().refusals.late === 4)
    expect(await redis.cli('LLEN', three.respondTo ?? '')).toBeLessThanOrEqual(1)
  })

  test('carries X-Request-Id: the worker’s, else the client’s, else the id of the job', async () => {
    const port = await start()
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

/** JSON in characters that a header may have. */
function ascii(value: unknown): string {
  return (JSON.stringify(value) ?? 'null').replace(/[^\x20-\x7e]/g, (c) => {
    return `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}
