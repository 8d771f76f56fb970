/** Options: refused at once where they are values, at each request where they are functions; a client never sees why. */
import { describe, expect, test } from '@jest/globals'
import { createFront } from '@tempest/front'
import fc from 'fast-check'
import type { IncomingMessage } from 'node:http'
import { describeWithRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import { ask, keepAlive, problemOf } from './client'
import { serve, work, useRedis } from './serve'

const SECRET = 'SECRET'

describeWithRedis('an option', () => {
  const redis = useRedis()

  test('is refused by a TypeError that names the option', async () => {
    const number: unknown[] = [
      NaN,
      Infinity,
      -1,
      '5',
      {},
      [],
      true,
      () => 1,
      Object.create(null),
      Symbol('s'),
      1n,
    ]
    const fronts: [string, unknown[]][] = [
      ['encoding', ['xml', 5, {}, Object.create(null), Symbol('s')]],
      ['maxInFlight', [...number, 0, 1.5]],
      ['maxHeldBytes', [...number, 0, 1.5]],
      ['drainMs', number],
      ['unreadyMs', number],
      ['redisWaitMs', number],
      ['logger', ['pino', 5, {}, { debug: 1 }]],
      ['redis', [5, null, undefined, '', 'localhost', 'http://localhost', { keyPrefix: 'a' }]],
    ]
    for (const [name, values] of fronts) {
      for (const value of values) {
        const options = { redis: redis.url, [name]: value }
        expect(() => createFront(options)).toThrow(TypeError)
        expect(() => createFront(options)).toThrow(name)
      }
    }
    const { front } = await serve({ redis: redis.url })
    const notFunctions = number.filter((value) => typeof value !== 'function')
    const works: [string, unknown[]][] = [
      ['deadlineMs', [...notFunctions, 0]],
      ['priority', ['urgent', 5, {}, Object.create(null)]],
      ['retry', ['never', 5, {}, Object.create(null)]],
      ['maxAttempts', [...notFunctions, 0, 1.5, 101]],
      ['maxBodyBytes', [...number, 1.5, 2 ** 26 + 1]],
      ['maxBacklog', [...number, 0, 1.5]],
      ['maxWaitMs', [...notFunctions, 0]],
    ]
    for (const [name, values] of works) {
      for (const value of values) {
        expect(() => front.work('tempest', { [name]: value })).toThrow(TypeError)
        expect(() => front.work('tempest', { [name]: value })).toThrow(name)
      }
    }
    for (const queue of ['', ' ', 'a b', 'a:b', '{a}', 'a\n', 'x'.repeat(129), '\0']) {
      expect(() => front.work(queue)).toThrow(/queue name/)
    }
  })

  test('of any kind is refused or works, and leaves no connection', async () => {
    const clients = async (): Promise<number> =>
      String(await redis.cli('CLIENT', 'LIST')).split('\n').length
    const before = await clients()
    const any = fc.anything({ withNullPrototype: true, withBigInt: true, maxDepth: 1 })
    const names = ['encoding', 'maxInFlight', 'maxHeldBytes', 'drainMs', 'unreadyMs', 'redisWaitMs']
    const record = fc.dictionary(fc.constantFrom(...names), any, { maxKeys: 2 })
    await fc.assert(
      fc.asyncProperty(record, async (given) => {
        let front
        try {
          front = createFront({ ...given, redis: redis.url })
        } catch (error) {
          expect(error).toBeInstanceOf(TypeError)
        }
        await front?.stop()
      }),
      { numRuns: 100 },
    )
    await until(async () => (await clients()) <= before)
  })

  describe('that is a function', () => {
    const nonsense: [string, (req: IncomingMessage) => unknown][] = [
      [
        'throws',
        () => {
          throw new Error(SECRET)
        },
      ],
      [
        'throws what is no error',
        () => {
          throw Object.create(null)
        },
      ],
      ['returns nothing', () => undefined],
      ['returns NaN', () => NaN],
      ['returns another string', () => SECRET],
      ['returns an object', () => ({ toString: null })],
      ['returns a symbol', () => Symbol(SECRET)],
      ['returns a promise', () => Promise.resolve(5)],
      ['returns a promise that rejects', () => Promise.reject(new Error(SECRET))],
    ]
    const names = ['deadlineMs', 'priority', 'retry', 'maxAttempts']
    const cases = names.flatMap((name) =>
      nonsense.map(([what, value]) => [name, what, value] as const),
    )

    test.each(cases)('%s, which %s, is a 500 without details', async (name, _, value) => {
      const lines: string[] = []
      const log = (fields: object): void => void lines.push(Object.keys(fields).join())
      const logger = { debug: log, info: log, warn: log, error: log }
      const { port, front } = await serve({ redis: redis.url, logger }, (made) =>
        made.work('tempest', { [name]: value }),
      )
      const agent = keepAlive()
      for (const question of [{ agent }, { agent, method: 'POST', body: 'x' }]) {
        const answer = await ask(port, '/', question)
        expect([answer.status, problemOf(answer)]).toMatchObject([500, { code: 'INTERNAL' }])
        expect(JSON.stringify(answer)).not.toMatch(/SECRET|option|deadlineMs|priority|maxAttempts/)
      }
      expect(front.stats()).toMatchObject({ inFlight: 0, errors: { INTERNAL: 2 } })
      expect(lines.join()).toContain('err')
      expect(await redis.cli('LLEN', 'tempest')).toBe(0)
    })

    test('hurts no request for which it works', async () => {
      const { port } = await serve({ redis: redis.url }, (made) =>
        made.work('tempest', {
          deadlineMs: (req) => (req.url === '/bad' ? -1 : 10_000),
          retry: () => true,
          maxAttempts: () => 2,
          priority: () => 'high',
        }),
      )
      await work(redis.url, () => 'ok')
      expect((await ask(port, '/bad')).status).toBe(500)
      expect((await ask(port)).text).toBe('ok')
    })
  })
})
