/** Where the direct listener listens, whom it lets in, and what a front does while it cannot listen. */
import { expect, test } from '@jest/globals'
import { createServer } from 'node:net'
import { describeWithRedis } from '../../../../test/helpers/redis'
import { until } from '../../../../test/helpers/until'
import { ask } from '../client'
import { atClose, Hand, listen, serve, useRedis } from '../serve'
import { createServer as createHttpServer } from 'node:http'
import { addressOf, bare, HEAD, RespClient, serveDirect } from './resp'

const textOf = (heard: unknown): string => String(heard)

describeWithRedis('the direct listener', () => {
  const redis = useRedis()
  const freePort = async (): Promise<number> => {
    const server = createHttpServer()
    const port = await listen(server)
    await new Promise((resolve) => server.close(resolve))
    return port
  }

  test.each<[string, number | string | { host?: string; port: number }, RegExp]>([
    ['0', 0, /^127\.0\.0\.1:\d+$/],
    [':0', ':0', /^127\.0\.0\.1:\d+$/],
    ['an object', { port: 0 }, /^127\.0\.0\.1:\d+$/],
    ['another loopback', '127.0.0.2:0', /^127\.0\.0\.2:\d+$/],
    ['a name', 'localhost:0', /^localhost:\d+$/],
    ['IPv6', '[::1]:0', /^\[::1\]:\d+$/],
    ['IPv6 in an object', { host: '::1', port: 0 }, /^\[::1\]:\d+$/],
  ])('listens at %s, jobs say so, and replies are taken there', async (_, direct, expected) => {
    const served = await serveDirect({ redis: redis.url, direct })
    expect(served.address).toMatch(expected)
    const answer = ask(served.port)
    const job = await served.hand.pop()
    expect(job.raw).toContain(`"direct":"${served.address}"`)
    const worker = await RespClient.open(served.address)
    expect(await worker.say('answer', job.id, '[200,{},"here"]')).toBe('+OK')
    expect((await answer).text).toBe('here')
  })

  test('beyond the loopback has jobs say the advertised address, and takes nothing without the password', async () => {
    const port = await freePort()
    const direct = { host: '0.0.0.0', port, advertise: 'front.example:7000', password: 'pässword' }
    const served = await serveDirect({ redis: redis.url, direct })
    expect(served.address).toBe('front.example:7000')
    const answer = ask(served.port)
    const job = await served.hand.pop()
    expect(job.raw).toContain('"direct":"front.example:7000"')
    const worker = await RespClient.open(`127.0.0.1:${port}`)
    const whole = ['answer', job.id, '[200,{},"in"]']
    expect(await worker.say(...whole)).toMatch(/^-NOAUTH /)
    expect(await worker.say('hello', 3, 'auth', 'default', 'wrong')).toMatch(/^-WRONGPASS /)
    expect(await worker.say(...whole)).toMatch(/^-NOAUTH /)
    expect(Array.isArray(await worker.say('hello', 3, 'auth', 'default', 'pässword'))).toBe(true)
    expect(await worker.say(...whole)).toBe('+OK')
    expect((await answer).text).toBe('in')
    expect(() => bare({ redis: redis.url, direct: { ...direct, password: undefined } })).toThrow(
      TypeError,
    )
    expect(() => bare({ redis: redis.url, direct: { ...direct, advertise: undefined } })).toThrow(
      TypeError,
    )
  })

  test('lets few in who have not said the password: the oldest of them goes, and whoever knows it comes in', async () => {
    const served = await serveDirect({
      redis: redis.url,
      direct: { port: 0, password: 'pw', maxConnections: 20 },
    })
    const known = await RespClient.open(served.address)
    expect(await known.say('auth', 'pw')).toBe('+OK')
    const strangers: RespClient[] = []
    for (let i = 0; i < 14; i++) strangers.push(await RespClient.open(served.address))
    await until(() => strangers.filter(({ destroyed }) => destroyed).length === 4)
    const late = await RespClient.open(served.address)
    expect(await late.sayAll(['auth', 'pw'], ['ping'])).toEqual(['+OK', '+PONG'])
    expect(await known.say('ping')).toBe('+PONG')
    expect(served.front.stats().direct?.refused).toBe(0)
  })

  test('forgets with RESET who has said the password, however long ago it connected', async () => {
    const served = await serveDirect({ redis: redis.url, direct: { port: 0, password: 'pw' } })
    const worker = await RespClient.open(served.address)
    const replies = await worker.sayAll(
      ['auth', 'pw'],
      ['ping'],
      ['reset'],
      ['ping'],
      ['auth', 'pw'],
      ['ping'],
    )
    expect(replies.map((reply) => textOf(reply).split(' ')[0])).toEqual([
      '+OK',
      '+PONG',
      '+RESET',
      '-NOAUTH',
      '+OK',
      '+PONG',
    ])
  })

  test('tells its boot with INFO, HELLO and NODE: the one that its job ids begin with', async () => {
    const served = await serveDirect({ redis: redis.url })
    void ask(served.port)
    const job = await served.hand.pop()
    const boot = job.id.slice(0, job.id.indexOf('-'))
    const worker = await RespClient.open(served.address)
    expect(textOf(await worker.say('INFO'))).toContain(`\r\ntempest_boot:${boot}\r\n`)
    expect(textOf(await worker.say('INFO', 'server'))).toContain(`\r\ntempest_boot:${boot}\r\n`)
    expect(textOf(await worker.say('HELLO', 2))).toContain(boot)
    expect(textOf(await worker.say('HELLO', 3))).toContain(boot)
    expect(await worker.say('NODE', 'me')).toBe(`+${boot}`)
  })

  test('that cannot have its port leaves replies to the mailbox, and listens when the port is free', async () => {
    const port = await freePort()
    const blocker = createServer((socket) => socket.destroy())
    blocker.listen(port, '127.0.0.1')
    atClose(() => new Promise((resolve) => blocker.close(resolve)))
    const { front, port: http } = await serve({ redis: redis.url, direct: port })
    const hand = new Hand(redis.url)
    const answer = ask(http)
    const job = await hand.pop()
    expect(job.raw).not.toContain('"direct"')
    expect(front.stats().direct).toMatchObject({ address: undefined, connections: 0 })
    await job.answer([200, {}, 'by mailbox'])
    expect((await answer).text).toBe('by mailbox')
    blocker.close()
    expect(await addressOf(front)).toBe(`127.0.0.1:${port}`)
    const next = ask(http)
    const direct = await hand.pop()
    expect(direct.raw).toContain(`"direct":"127.0.0.1:${port}"`)
    const worker = await RespClient.open(`127.0.0.1:${port}`)
    await worker.sayAll(['head', direct.id, HEAD], ['end', direct.id, 0])
    expect((await next).status).toBe(200)
  })

  test('that never got its port is stopped all the same, and does not listen afterwards', async () => {
    const port = await freePort()
    const blocker = createServer()
    blocker.listen(port, '127.0.0.1')
    atClose(() => blocker.close())
    const front = bare({ redis: redis.url, direct: port })
    await front.stop()
    await new Promise((resolve) => blocker.close(resolve))
    const next = bare({ redis: redis.url, direct: port })
    expect(await addressOf(next)).toBe(`127.0.0.1:${port}`)
  })

  test('of a front that stops at once is closed, by name or by address', async () => {
    for (const host of ['localhost', '127.0.0.1', '::1']) {
      const port = await freePort()
      const front = bare({ redis: redis.url, direct: { host, port } })
      await front.stop()
      await front.stop()
      await expect(RespClient.open(`${host}:${port}`)).rejects.toThrow(/ECONNREFUSED/)
      const next = bare({ redis: redis.url, direct: { host, port } })
      const worker = await RespClient.open(await addressOf(next))
      expect(await worker.say('ping')).toBe('+PONG')
      await next.stop()
      await worker.closed
    }
  })

  test('refuses connections beyond maxConnections, counts them, and takes new ones when others have gone', async () => {
    const { front, address } = await serveDirect({
      redis: redis.url,
      direct: { port: 0, maxConnections: 2 },
    })
    const [first, second] = [await RespClient.open(address), await RespClient.open(address)]
    expect([await first.say('ping'), await second.say('ping')]).toEqual(['+PONG', '+PONG'])
    const third = await RespClient.open(address)
    await third.closed
    expect(front.stats().direct).toMatchObject({ connections: 2, refused: 1 })
    expect(await first.say('ping')).toBe('+PONG')
    first.socket.destroy()
    await until(() => front.stats().direct?.connections === 1)
    const fourth = await RespClient.open(address)
    expect(await fourth.say('ping')).toBe('+PONG')
  })

  test('is not there where it was not asked for', async () => {
    const { front, port } = await serve({ redis: redis.url })
    void ask(port)
    expect((await new Hand(redis.url).pop()).raw).not.toContain('"direct"')
    expect(front.stats().direct).toBeUndefined()
  })

  test('sends away whoever takes it for an HTTP server, and does nothing of what follows', async () => {
    const served = await serveDirect({ redis: redis.url })
    const answer = ask(served.port)
    const job = await served.hand.pop()
    for (const line of ['POST / HTTP/1.1', 'GET / HTTP/1.1\r\nHost: a']) {
      const client = await RespClient.open(served.address)
      client.write(`${line}\r\n\r\nanswer ${job.id} '[200,{},"forged"]'\r\n`)
      await client.closed
      expect(client.heard.every((reply) => textOf(reply).startsWith('-ERR '))).toBe(true)
    }
    await job.answer([200, {}, 'true'])
    expect((await answer).text).toBe('true')
  })
})
