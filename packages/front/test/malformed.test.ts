/** What a client sees of a reply that is malformed, and of one that says it failed: a status, and nothing else of it. */
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { describeWithRedis } from '../../../test/helpers/redis'
import { type Answer, ask, keepAlive, problemOf } from './client'
import { dictate, rawReplied, replied } from './dictate'
import { Hand, serve, untilHeard, useRedis } from './serve'

const SECRET = 'SECRET'

describeWithRedis('a reply', () => {
  const redis = useRedis()

  const badValues: unknown[] = [null, 5, true, {}, [], { toString: null }, [[]], { base64: 1 }]
  const bad: unknown[] = [
    ...[null, 'text', 5, {}, [], { 0: 200, 1: {} }, { toString: null }, true],
    ...[
      999,
      600,
      199,
      100,
      101,
      0,
      -200,
      1.5,
      1e300,
      '200',
      null,
      [200],
      { toString: 1 },
      true,
    ].map((status) => [status, { 'x-a': SECRET }, SECRET]),
    ...[null, 'a', 5, [], [['a', 'b']], undefined].map((headers) => [200, headers, SECRET]),
    ...[
      'a\nb',
      'a\r\nx-in: b',
      '\0',
      '\u0100',
      null,
      true,
      {},
      [null],
      ['a', 5],
      [['a']],
      { toString: null },
    ].map((value) => [200, { 'x-good': SECRET, 'x-bad': value }, SECRET]),
    ...['', 'a b', 'a\nb', 'a:', 'é', 'a\r\nx: y'].map((name) => [200, { [name]: SECRET }, SECRET]),
    ...badValues.slice(1).map((body) => [200, { 'x-a': SECRET }, body]),
    ...['a', 'ab=', '====', 'AA=A', '_-8=', 'AA==\n', ' AAA'].map((base64) => [
      200,
      {},
      { base64 },
    ]),
    [200, { connection: [{ toString: null }] }, SECRET, SECRET],
    [200, { 'content-length': { toString: null } }, SECRET],
    [200, { 'content-length': [{ toString: null }] }, SECRET],
    [200, {}, SECRET, SECRET],
    [200, {}, '', null],
  ]
  describe('that is malformed', () => {
    test('is a 502 at once, of which nothing reaches the client', async () => {
      const port = await dictate(redis.url)
      for (const result of bad) {
        const text = await rawReplied(port, result)
        expect([result, text]).toEqual([
          result,
          expect.stringMatching(/^HTTP\/1\.1 502 Bad Gateway\r\n/),
        ])
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
        await untilHeard(redis, job.respondTo ?? '')
        await redis.cli('PUBLISH', job.respondTo ?? '', JSON.stringify(['answer', job.id, result]))
        expect((await answer).status).toBe(502)
      }
      expect(front.stats()).toMatchObject({ inFlight: 0, errors: { BAD_REPLY: 3 } })
    })

    test('or anything else that JSON can say is a whole response, and the connection goes on', async () => {
      const port = await dictate(redis.url)
      const agent = keepAlive()
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
})
