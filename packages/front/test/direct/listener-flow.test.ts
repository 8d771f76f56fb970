/** How a direct connection is slowed down by slow clients. */
import { expect, test } from '@jest/globals'
import { describeWithRedis } from '../../../../test/helpers/redis'
import { until } from '../../../../test/helpers/until'
import { ask, get } from '../client'
import { useRedis } from '../serve'
import { asks, command, HEAD, RespClient, serveDirect } from './resp'
import { getStuck, isHeld, type Stuck } from './stuck'

const END = '\r\n0\r\n\r\n'
const MIB = 1024 * 1024

describeWithRedis('a direct stream', () => {
  const redis = useRedis()
  const direct = (options = {}, work = {}) => serveDirect({ redis: redis.url, ...options }, work)

  const stuck = async (waitMs?: number, options = {}, work = {}): Promise<Stuck> =>
    getStuck(await direct(options, work), waitMs)

  test('waits for its +OK until the client reads, and so does what is behind it', async () => {
    const it = await stuck()
    const { worker, asked, id, n } = it
    const heard = worker.heard.length
    worker.send(['chunk', id, 'last', n], ['end', id, n + 1], ['ping'])
    await isHeld(it, heard)
    asked.client.socket.resume()
    await until(() => worker.heard.length === heard + 3)
    expect(worker.heard.slice(heard)).toEqual(['+OK', '+OK', '+PONG'])
    await asked.client.hears(`last${END}`)
    await until(() => it.served.front.stats().heldBytes === 0)
  })

  test('has its +OK after a second at the latest, where nothing else was said', async () => {
    const { worker, id, n } = await stuck(1000)
    expect(await worker.say('chunk', id, 'x', n)).toBe('+OK')
  })

  test('has +SLOW where its worker has said how long it waits', async () => {
    const { worker, id, n } = await stuck(0)
    expect(await worker.say('chunk', id, 'x', n)).toBe('+SLOW')
    const replies = await worker.sayAll(['chunk', id, 'x', n + 1], ['ping'], ['chunk', id, 'x', 0])
    expect(replies).toEqual(['+SLOW', '+PONG', expect.stringMatching(/^\+(OK|SLOW)$/)])
  })

  test.each([['-1'], ['1.5'], ['soon'], ['3600001'], ['']])(
    'is not held for a time that is none: wait %j',
    async (ms) => {
      const { address } = await direct()
      const worker = await RespClient.open(address)
      expect(await worker.say('wait', ms)).toMatch(/^-ERR /)
      expect(await worker.say('wait')).toMatch(/^-ERR /)
      expect(await worker.say('wait', 1, 2)).toMatch(/^-ERR /)
      expect(await worker.say('wait', 3_600_000)).toBe('+OK')
    },
  )

  test.each<[string, (job: string) => (string | number)[], RegExp]>([
    ['a chunk of another', (job) => ['chunk', job, 'x', 0], /^-ERR/],
    ['an answer to another', (job) => ['answer', job, '[200,{},"x"]'], /^\+OK/],
    ['a verb about nobody', () => ['end', 'nobody', 0], /^-GONE/],
    ['what is malformed', (job) => ['end', job, 'x'], /^-ERR/],
    ['a PING', () => ['ping'], /^\+PONG/],
  ])('is released at once by %s on its connection', async (_, words, expected) => {
    const { served, worker, asked, id, n } = await stuck()
    const { job } = await asks(served)
    const replies = await worker.sayAll(['chunk', id, 'x', n], words(job.id))
    expect(replies).toEqual(['+SLOW', expect.stringMatching(expected)])
    asked.client.socket.resume()
    await worker.sayAll(['end', id, n + 1])
    await asked.client.hears(END)
  })

  test('is held alone: other connections, and other streams, go on', async () => {
    const it = await stuck()
    const heard = it.worker.heard.length
    it.worker.send(['chunk', it.id, 'x', it.n])
    const answer = ask(it.served.port)
    const job = await it.served.hand.pop()
    const chunks = Array.from({ length: 50 }, (_, n) => ['chunk', job.id, 'y'.repeat(20_000), n])
    const { other } = it
    expect(await other.sayAll(['head', job.id, HEAD], ...chunks, ['end', job.id, 50])).toHaveLength(
      52,
    )
    expect((await answer).text).toHaveLength(1_000_000)
    expect(it.worker.heard).toHaveLength(heard)
  })

  test('may come over two connections in turn, and each waits for the client', async () => {
    const it = await stuck()
    const { worker, other, asked, id, n } = it
    expect(await other.say('wait', 600_000)).toBe('+OK')
    const [heard, otherHeard] = [worker.heard.length, other.heard.length]
    worker.send(['chunk', id, 'a', n])
    const third = await RespClient.open(it.served.address)
    // Until it has come: a chunk before its turn would be a gap.
    await until(async () => (await third.say('ping')) === '+PONG')
    other.send(['chunk', id, 'b', n + 1], ['chunk', id, 'a', n])
    await third.say('ping')
    expect([worker.heard.length, other.heard.length]).toEqual([heard, otherHeard])
    asked.client.socket.resume()
    await Promise.all([worker.hears(heard + 1), other.hears(otherHeard + 2)])
    expect(worker.heard.slice(heard)).toEqual(['+OK'])
    expect(other.heard.slice(otherHeard)).toEqual(['+OK', '+OK'])
    expect(await other.say('end', id, n + 2)).toBe('+OK')
    await asked.client.hears(END)
    expect(
      asked.client.text.endsWith(`ab${END}`) || /a\r\n1\r\nb\r\n0\r\n\r\n$/.test(asked.client.text),
    ).toBe(true)
  })

  test.each<[string, (n: number) => unknown[], RegExp]>([
    ['ended', (n) => ['end', n + 1], /^\+OK/],
    ['failed', () => ['fail', { message: 'x' }], /^-GONE /],
    ['broken', () => ['end', 1_000_000], /^-GONE /],
  ])(
    'that is %s by the mailbox while a chunk is held has its reply at once',
    async (_, last, expected) => {
      const it = await stuck()
      const { worker, asked, id, n } = it
      const heard = worker.heard.length
      worker.send(['chunk', id, 'x', n])
      await isHeld(it, heard)
      const [verb, ...rest] = last(n)
      await asked.job.push(JSON.stringify([verb, id, ...rest]))
      expect(await worker.reply(heard)).toMatch(expected)
      expect(await worker.say('chunk', id, 'y', n + 1)).toMatch(/^-GONE /)
    },
  )

  test.each([
    ['breaks the protocol', '*x\r\n'],
    ['is no client of Redis', 'Host: a\r\n'],
    ['says QUIT', 'quit\r\n'],
  ])(
    'has a reply for a held chunk before the last word, where its connection then %s',
    async (_, last) => {
      const it = await stuck()
      const { worker, id, n } = it
      const heard = worker.heard.length
      worker.write(Buffer.concat([command('chunk', id, 'x', n), Buffer.from(last)]))
      await worker.closed
      expect(worker.heard.slice(heard)).toEqual(['+SLOW', expect.stringMatching(/^-ERR |^\+OK/)])
    },
  )

  test('to the second of two pipelined requests waits for the reply to the first, and so does its +OK', async () => {
    const served = await direct()
    const { client, job: first } = await asks(served, get('/1') + get('/2'))
    const second = await served.hand.pop()
    const [worker, other] = [
      await RespClient.open(served.address),
      await RespClient.open(served.address),
    ]
    await worker.sayAll(['wait', 600_000], ['head', second.id, HEAD])
    worker.send(['chunk', second.id, 'b'.repeat(100_000), 0], ['end', second.id, 1])
    for (let i = 0; i < 5; i++) await other.say('ping')
    expect([worker.heard.length, client.text]).toEqual([2, ''])
    expect(await other.say('answer', first.id, '[200,{},"first"]')).toBe('+OK')
    await worker.hears(4)
    expect(worker.heard.slice(2)).toEqual(['+OK', '+OK'])
    await client.hears(`${'b'.repeat(100_000)}${END}`)
    expect(client.text.indexOf('first')).toBeLessThan(client.text.indexOf('b'.repeat(1000)))
  })

  test('is given up where memory is short, and not before', async () => {
    const it = await stuck(600_000, { maxHeldBytes: 8 * MIB })
    const { served, worker, id, n } = it
    const heard = worker.heard.length
    worker.send(['chunk', id, 'x', n], ['chunk', id, 'y', n + 1])
    await isHeld(it, heard)
    const second = await asks(served)
    second.client.socket.pause()
    expect(await it.other.say('head', second.job.id, HEAD)).toBe('+OK')
    let reply: unknown = '+OK'
    for (let i = 0; i < 60 && reply === '+OK'; i++) {
      ;[reply] = await it.other.sayAll(['chunk', second.job.id, Buffer.alloc(MIB), i], ['ping'])
      if (worker.heard.length > heard) break
    }
    await until(() => served.front.stats().heldBytes < 8 * MIB)
    expect(served.front.stats().heldBytes).toBeLessThan(8 * MIB)
    expect(await it.other.say('ping')).toBe('+PONG')
  })

  test('gives way, the longest held first, where a new one finds no room beside many slow ones', async () => {
    const served = await direct({ maxHeldBytes: 2 * MIB })
    const room = (): Promise<unknown> => until(() => served.front.stats().heldBytes < 1.75 * MIB)
    for (let i = 0; i < 40; i++) {
      await room()
      const { client, job } = await asks(served)
      client.socket.pause()
      const worker = await RespClient.open(served.address)
      await worker.sayAll(['wait', 600_000], ['head', job.id, HEAD])
      worker.send(
        ...Array.from({ length: 200 }, (_, n) => ['chunk', job.id, Buffer.alloc(32_768), n]),
      )
    }
    await room()
    const { client, job } = await asks(served)
    const worker = await RespClient.open(served.address)
    const body = 'n'.repeat(30_000)
    await worker.sayAll(['wait', 600_000], ['head', job.id, HEAD])
    for (let n = 0; n < 20; n++) expect(await worker.say('chunk', job.id, body, n)).toBe('+OK')
    expect(await worker.say('end', job.id, 20)).toBe('+OK')
    await client.hears(END)
    // On a busy machine a worker may be sent away as well, before anyone has been slow for long.
    const { OVERRUN = 0, WORKER_LOST = 0, ...others } = served.front.stats().errors
    expect([others, OVERRUN > WORKER_LOST]).toEqual([{}, true])
  })

  test('whose client leaves while its chunk is held is -GONE at once, and so is what is behind it', async () => {
    const it = await stuck()
    const { served, worker, asked, id, n } = it
    const heard = worker.heard.length
    worker.send(['chunk', id, 'x', n], ['chunk', id, 'y', n + 1], ['end', id, n + 2], ['ping'])
    await isHeld(it, heard)
    asked.client.leave()
    await until(() => worker.heard.length === heard + 4)
    const gone = expect.stringMatching(/^-GONE /)
    expect(worker.heard.slice(heard)).toEqual([gone, gone, gone, '+PONG'])
    expect(served.front.stats()).toMatchObject({ inFlight: 0, heldBytes: 0, left: 1 })
  })

  test('is bounded where its worker does not heed the client: it is cut, and the rest is -GONE', async () => {
    const { served, worker, id, n } = await stuck(1000)
    let most = 0
    let last: unknown = '+OK'
    for (let i = n; last === '+OK' && i < n + 60; i++) {
      ;[last] = await worker.sayAll(['chunk', id, Buffer.alloc(MIB), i], ['ping'])
      most = Math.max(most, served.front.stats().heldBytes)
    }
    expect(last).toMatch(/^-GONE /)
    expect(most).toBeLessThan(10 * MIB)
    expect(served.front.stats()).toMatchObject({
      errors: { OVERRUN: 1 },
      heldBytes: 0,
      inFlight: 0,
    })
  })
})
