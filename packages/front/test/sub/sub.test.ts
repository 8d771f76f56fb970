/** What a request for events is answered, and what its stream then says: over real HTTP and a real Redis. */
import { describe, expect, test } from '@jest/globals'
import type { SubOptions } from '@tempest/front'
import connect from 'connect'
import { connect as connectSocket } from 'node:net'
import { Subscriber } from '../../../../test/helpers/events'
import { describeWithRedis } from '../../../../test/helpers/redis'
import { until } from '../../../../test/helpers/until'
import { ask } from '../client'
import { atClose, serve, type Served, useRedis } from '../serve'

describeWithRedis('front.sub()', () => {
  const redis = useRedis()

  const start = (options: SubOptions = {}): Promise<Served> =>
    serve({ redis: redis.url, drainMs: 1000 }, (front) =>
      connect()
        .use(front.health())
        .use('/sub', front.sub({ spreadMs: 0, ...options }))
        .use(front.work('tempest')),
    )
  async function listen({ port }: Served, path: string, lastEventId?: string): Promise<Subscriber> {
    const subscriber = new Subscriber([port], `/sub/${path}`, { lastEventId })
    atClose(() => subscriber.close())
    await until(() => subscriber.joined)
    return subscriber
  }
  const said = ({ events }: Subscriber): string[] =>
    events.map(({ event, data }) => `${event}: ${data}`)
  const channels = (): Promise<unknown> => redis.cli('PUBSUB', 'CHANNELS', '[a-z]')

  test('tells every client of a channel what is published to it, and nobody else', async () => {
    const served = await start()
    const [one, two, both, other] = [
      await listen(served, 'a'),
      await listen(served, 'a'),
      await listen(served, 'a,b'),
      await listen(served, 'c'),
    ]
    await redis.cli('PUBLISH', 'a', '["Bob"]')
    await redis.cli('PUBLISH', 'b', '["name","x"]')
    await until(() => both.events.length === 2)
    await until(() => one.events.length === 1 && two.events.length === 1)
    expect(said(one)).toEqual(['message: Bob'])
    expect(said(both)).toEqual(['message: Bob', 'name: x'])
    expect(said(other)).toEqual([])
  })

  test('says at once what it is: a stream that nobody keeps, changes or holds back', async () => {
    const { port } = await start()
    const { status, headers, text } = await ask(port, '/sub/a', { method: 'HEAD' })
    expect([status, text]).toEqual([200, ''])
    expect(headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    })
    expect(headers).not.toHaveProperty('access-control-allow-origin')
  })

  test('ends a channel for good by $unsubscribe, and the stream with its last', async () => {
    const served = await start()
    const both = await listen(served, 'a,b')
    const one = await listen(served, 'a')
    await redis.cli('PUBLISH', 'a', '["$unsubscribe"]')
    await until(() => !one.open)
    await redis.cli('PUBLISH', 'a', '["late"]')
    await redis.cli('PUBLISH', 'b', '["goes on"]')
    await until(() => both.events.length === 2)
    expect(said(one)).toEqual(['end: '])
    expect(said(both)).toEqual(['end: ', 'message: goes on'])
    await redis.cli('PUBLISH', 'b', '["$unsubscribe"]')
    await until(() => !both.open)
    expect(said(both).at(-1)).toBe('end: ')
  })

  test('drops a subscription with its last client, however that leaves', async () => {
    const served = await start()
    const [one, two] = [await listen(served, 'a,b'), await listen(served, 'a')]
    expect(served.front.stats().sub).toMatchObject({ subscribers: 2, channels: 2 })
    expect(await channels()).toEqual(expect.arrayContaining(['a', 'b']))
    one.close('reset')
    await until(async () => JSON.stringify(await channels()) === '["a"]')
    two.close('end')
    await until(async () => JSON.stringify(await channels()) === '[]')
    expect(served.front.stats().sub).toMatchObject({ subscribers: 0, channels: 0 })
  })

  test('counts subscribers for all to read, and takes its count along', async () => {
    const served = await start()
    const another = await start()
    const one = await listen(served, 'a,b')
    await listen(served, 'a')
    await listen(another, 'a')
    const { front } = another
    await until(async () => (await front.subscribers('a')) === 3)
    expect(await front.subscribers('b')).toBe(1)
    one.close()
    await until(async () => (await front.subscribers('a')) === 2)
    expect(await front.subscribers('b')).toBe(0)
    await served.front.stop()
    expect(await front.subscribers('a')).toBe(1)
  })

  test.each([
    ['/sub/', {}, 400, 'BAD_REQUEST'],
    ['/sub/a%20b', {}, 400, 'BAD_REQUEST'],
    ['/sub/tempest:mailbox:x', {}, 400, 'BAD_REQUEST'],
    ['/sub/a?last=-1', {}, 400, 'BAD_REQUEST'],
    ['/sub/a?last=x', {}, 400, 'BAD_REQUEST'],
    ['/sub/a', { headers: { 'content-length': '1' }, body: 'x' }, 400, 'BAD_REQUEST'],
    ['/sub/a', { method: 'POST' }, 405, 'METHOD_NOT_ALLOWED'],
    ['/sub/a', { method: 'DELETE' }, 405, 'METHOD_NOT_ALLOWED'],
  ])('%s with %j is a problem: %i %s', async (path, options, status, code) => {
    const { port } = await start()
    const answer = await ask(port, path, options)
    expect([answer.status, JSON.parse(answer.text)]).toEqual([
      status,
      expect.objectContaining({ code }),
    ])
    if (status === 405) expect(answer.headers.allow).toBe('GET, HEAD, OPTIONS')
  })

  test('takes so many and no more; who is refused is told when to come back', async () => {
    const served = await start({ maxSubscribers: 1 })
    const one = await listen(served, 'a')
    const answer = await ask(served.port, '/sub/a')
    expect([answer.status, Number(answer.headers['retry-after'])]).toEqual([503, 5])
    one.close()
    await until(() => served.front.stats().sub.subscribers === 0)
    await listen(served, 'a')
  })

  test('throws away what a client sends behind its request', async () => {
    const served = await start()
    const socket = connectSocket(served.port, '127.0.0.1')
    let heard = ''
    socket.on('data', (bytes: Buffer) => (heard += bytes.toString()))
    const request = 'GET /sub/a HTTP/1.1\r\nhost: x\r\n\r\n'
    socket.write(request)
    await until(() => heard.includes('joined'))
    socket.write(`${request}GET /healthz HTTP/1.1\r\nhost: x\r\n\r\nrubbish`)
    await redis.cli('PUBLISH', 'a', '["x"]')
    await until(() => heard.includes('data: x'))
    expect(heard.match(/HTTP\/1\.1/g)).toHaveLength(1)
    expect(served.front.stats().sub.subscribers).toBe(1)
    socket.destroy()
    await until(() => served.front.stats().sub.subscribers === 0)
  })

  test('refuses a request that stands behind another on its connection: the stream would come before its answer', async () => {
    const served = await start()
    const socket = connectSocket(served.port, '127.0.0.1')
    let heard = ''
    socket.on('data', (bytes: Buffer) => (heard += bytes.toString()))
    // No worker answers the first; its deadline, and the front's end, do.
    socket.write('GET /slow HTTP/1.1\r\nhost: x\r\n\r\nGET /sub/a HTTP/1.1\r\nhost: x\r\n\r\n')
    await until(() => served.front.stats().errors['BAD_REQUEST'] === 1)
    expect(served.front.stats().sub.subscribers).toBe(0)
    await served.front.stop()
    await until(() => heard.includes('\r\n\r\n'))
    expect(heard).toMatch(/^HTTP\/1\.1 503 /)
    expect(heard).not.toContain('retry: ')
    socket.destroy()
  })

  test('is never silent for long, and then says how far the log has come', async () => {
    const served = await start({ heartbeatMs: 50 })
    const one = await listen(served, 'a')
    const id = await served.front.publish('b', 'for others')
    await until(() => one.lastEventId === id)
    expect(one.events).toEqual([])
  })

  test('tells in place of an event that is too large that there was one', async () => {
    const served = await start({ maxEventBytes: 100 })
    const one = await listen(served, 'a')
    await redis.cli('PUBLISH', 'a', 'x'.repeat(101))
    const id = await served.front.publish('a', 'x'.repeat(101))
    await redis.cli('PUBLISH', 'a', 'small')
    await until(() => one.events.length === 3)
    expect(said(one)).toEqual(['gap: size', 'gap: size', 'message: small'])
    expect(one.lastEventId).toBe(id)
  })

  test('puts its prefix before every name in Redis', async () => {
    const served = await start({ prefix: 'app:' })
    const one = await listen(served, 'a')
    await redis.cli('PUBLISH', 'a', 'no')
    await redis.cli('PUBLISH', 'app:a', 'yes')
    await served.front.publish('app:a', 'and this')
    await until(() => one.events.length === 2)
    expect(said(one)).toEqual(['message: yes', 'message: and this'])
  })

  describe('asks who may read what', () => {
    test('once for each channel; one refusal refuses the request', async () => {
      const asked: string[] = []
      const served = await start({
        authorize: (req, channel) => {
          asked.push(`${String(req.headers['x-user'])} ${channel}`)
          return Promise.resolve(channel !== 'secret:1')
        },
      })
      const refused = await ask(served.port, '/sub/room:1,secret:1', { headers: { 'x-user': 'u' } })
      expect([refused.status, asked]).toEqual([403, ['u room:1', 'u secret:1']])
      const one = await listen(served, 'room:1')
      await redis.cli('PUBLISH', 'room:1', 'hi')
      await until(() => one.events.length === 1)
    })

    test.each([
      [
        'throws',
        () => {
          throw new Error('inside')
        },
        500,
      ],
      ['rejects', () => Promise.reject(new Error('inside')), 500],
      ['never answers', () => new Promise<boolean>(() => undefined), 500],
      ['says nothing', () => undefined as unknown as boolean, 403],
      ['says it has expired', () => ({ expiresAt: Date.now() - 1 }), 403],
      ['says something else', () => 'yes' as unknown as boolean, 403],
      ['says an object that is no yes', () => ({ allowed: false }) as unknown as boolean, 403],
      ['says an error', () => new Error('no') as unknown as boolean, 403],
    ])(
      'and where the guard %s nobody gets in, or is told why',
      async (_what, authorize, status) => {
        const { port } = await start({ authorize, authorizeMs: 50 })
        const answer = await ask(port, '/sub/a')
        expect(answer.status).toBe(status)
        expect(answer.text).not.toContain('inside')
      },
    )

    test('and ends the stream when it expires', async () => {
      const served = await start({
        authorize: () => ({ expiresAt: Date.now() + 1000 }),
        heartbeatMs: 50,
      })
      const one = new Subscriber([served.port], '/sub/a')
      atClose(() => one.close())
      await until(() => one.connections[0]?.endedAt !== undefined)
      expect(one.joins).toBe(1)
      expect(served.front.stats().sub.subscribers).toBe(0)
    })
  })

  describe('lets pages of other origins read', () => {
    const from = async (cors: SubOptions['cors'], origin: string): Promise<unknown[]> => {
      const { port } = await start({ cors })
      const { headers } = await ask(port, '/sub/a', { method: 'HEAD', headers: { origin } })
      return [
        headers['access-control-allow-origin'],
        headers['access-control-allow-credentials'],
        headers.vary,
      ]
    }

    test('where all may, without credentials; where some may, those with theirs', async () => {
      expect(await from('*', 'https://a.example')).toEqual(['*', undefined, undefined])
      const some = ['https://a.example', 'https://b.example']
      expect(await from(some, 'https://b.example')).toEqual(['https://b.example', 'true', 'origin'])
      expect(await from(some, 'https://c.example')).toEqual([undefined, undefined, 'origin'])
      expect(await from('https://a.example', 'null')).toEqual([undefined, undefined, 'origin'])
    })

    test('and answers their preflight', async () => {
      const { port } = await start({ cors: '*' })
      const { status, headers } = await ask(port, '/sub/a', { method: 'OPTIONS' })
      expect(status).toBe(204)
      expect(headers['access-control-allow-headers']).toContain('last-event-id')
    })
  })

  test.each([
    ['authorize', { authorize: 'x' }],
    ['log', { log: '' }],
    ['prefix', { prefix: 1 }],
    ['cors', { cors: 'example.org' }],
    ['retryMs', { retryMs: -1 }],
    ['maxChannels', { maxChannels: 0 }],
    ['ringBytes', { ringBytes: 1.5 }],
  ])('refuses %s that it cannot use', async (name, options) => {
    const { front } = await start()
    expect(() => front.sub(options as SubOptions)).toThrow(new RegExp(`^${name}:`))
  })
})
