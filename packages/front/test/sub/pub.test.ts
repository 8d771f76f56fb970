/** POST /pub/<channel>, for who is let; and node.publish. */
import { describe, expect, test } from '@jest/globals'
import type { PubOptions } from '@tempest/front'
import connect from 'connect'
import { describeWithRedis } from '../../../../test/helpers/redis'
import { ask } from '../client'
import { serve, type Served, useRedis } from '../serve'

const log = 'tempest:events'

describeWithRedis('front.pub()', () => {
  const redis = useRedis()
  const start = (options: Partial<PubOptions> = {}): Promise<Served> =>
    serve({ redis: redis.url }, (front) =>
      connect().use(
        '/pub',
        front.pub({ authorize: (_req, channel) => channel !== 'no', ...options }),
      ),
    )
  const entries = async (): Promise<unknown[]> => {
    const all = (await redis.cli('XRANGE', log, '-', '+')) as [string, string[]][]
    return all.map(([, fields]) => fields)
  }
  const post = (port: number, path: string, body: string | Buffer = 'hi') =>
    ask(port, path, { method: 'POST', body })

  test('adds its body to the log as it is, with a name where one is given, and tells the id', async () => {
    const { port } = await start()
    const answer = await post(port, '/pub/room:1?event=greeting', '["not","parsed"]\n')
    expect(answer.status).toBe(200)
    expect(JSON.parse(answer.text)).toEqual({ id: expect.stringMatching(/^\d+-\d+$/) })
    await post(port, '/pub/a', '$unsubscribe')
    expect(await entries()).toEqual([
      ['channel', 'room:1', 'data', '["greeting","[\\"not\\",\\"parsed\\"]\\n"]'],
      ['channel', 'a', 'data', '["message","$unsubscribe"]'],
    ])
  })

  test('publishes live only where that is asked', async () => {
    const { port } = await start()
    const answer = await post(port, '/pub/a?live=1')
    expect([answer.status, JSON.parse(answer.text), await entries()]).toEqual([
      200,
      { id: null },
      [],
    ])
  })

  test.each([
    ['/pub/no', 403, 'FORBIDDEN'],
    ['/pub/', 400, 'BAD_REQUEST'],
    ['/pub/a,b', 400, 'BAD_REQUEST'],
    ['/pub/tempest:mailbox:1', 400, 'BAD_REQUEST'],
    ['/pub/a?event=a%0Ab', 400, 'BAD_REQUEST'],
  ])('%s is refused: %i %s', async (path, status, code) => {
    const { port } = await start()
    const answer = await post(port, path)
    expect([answer.status, JSON.parse(answer.text)]).toEqual([
      status,
      expect.objectContaining({ code }),
    ])
    expect(await entries()).toEqual([])
  })

  test('refuses what is larger than an event may be, other methods, and a guard that fails', async () => {
    const { port } = await start({ maxEventBytes: 10 })
    expect((await post(port, '/pub/a', 'x'.repeat(11))).status).toBe(413)
    const get = await ask(port, '/pub/a')
    expect([get.status, get.headers.allow]).toEqual([405, 'POST'])
    const broken = await start({ authorize: () => Promise.reject(new Error('inside')) })
    const answer = await post(broken.port, '/pub/a')
    expect([answer.status, answer.text.includes('inside')]).toEqual([500, false])
    expect(await entries()).toEqual([])
  })

  test('is not to be had without a guard', async () => {
    const { front } = await start()
    expect(() => front.pub({} as PubOptions)).toThrow(/^authorize:/)
  })

  describe('node.publish', () => {
    test('bounds the log, and takes anything JSON can hold', async () => {
      const { front } = await start()
      for (let n = 0; n < 300; n++) await front.publish('a', { n }, { maxLen: 100 })
      expect((await entries()).at(-1)).toEqual(['channel', 'a', 'data', '["{\\"n\\":299}"]'])
      expect(Number(await redis.cli('XLEN', log))).toBeLessThan(300)
    })

    test.each([
      ['a name that is reserved', 'tempest:x', 'y', {}],
      ['an empty name', '', 'y', {}],
      ['data that JSON cannot hold', 'a', undefined, {}],
      ['an event of two lines', 'a', 'y', { event: 'a\nb' }],
      ['an event without a name', 'a', 'y', { event: '' }],
    ])('refuses %s', async (_what, channel, data, options) => {
      const { front } = await start()
      await expect(front.publish(channel, data, options)).rejects.toThrow(TypeError)
    })

    test('says so where Redis refuses', async () => {
      const { front } = await start()
      await redis.cli('SET', log, 'x')
      await expect(front.publish('a', 'y')).rejects.toMatchObject({ code: 'REDIS_REFUSED' })
    })
  })
})
