/** Fronts that write MessagePack, beside fronts that write JSON: what workers get, and what clients get of either. */
import { describe, expect, test } from '@jest/globals'
import { createNode, decodeJob, type Job } from '@tempest/protocol'
import { randomBytes } from 'node:crypto'
import { Packr } from 'msgpackr'
import { describeWithRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import { ask } from './client'
import { RespClient, serveDirect } from './direct/resp'
import { atClose, Hand, serve, untilHeard, useRedis, work } from './serve'

/** Another program's packer: it knows nothing of the sources under test. */
const packr = new Packr({ useRecords: false, variableMapSize: true })
const binary = randomBytes(64 * 1024)
const encodings = ['json', 'msgpack'] as const

describeWithRedis('a front', () => {
  const redis = useRedis()
  const popRaw = async (): Promise<[Buffer, Job]> => {
    const [, raw] = (await redis.client().blpopBuffer('tempest', 5)) ?? []
    const job = decodeJob(raw ?? Buffer.alloc(0))
    if (!raw || 'malformed' in job) throw new Error('no job came')
    return [raw, job]
  }
  const reply = (job: Job, entry: string | Buffer): Promise<unknown> =>
    redis.cli('RPUSH', job.respondTo ?? '', entry)

  test('writes the same job in either encoding, but for its body', async () => {
    const question = {
      method: 'PUT',
      body: binary,
      headers: {
        'x-request-id': 'r-7',
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        'x-many': ['a', 'b'],
        constructor: 'c',
        'x-latin': 'é',
        te: 'trailers',
      },
    }
    const seen: unknown[] = []
    for (const encoding of encodings) {
      const app = await serve({ redis: redis.url, encoding }, (front) =>
        front.work('tempest', { maxAttempts: 5, deadlineMs: 60_000 }),
      )
      const answer = ask(app.port, '/a%20b?c=d', question)
      const [raw, job] = await popRaw()
      expect([raw[0], job.encoding]).toEqual(
        encoding === 'json' ? [0x5b, undefined] : [0x94, 'msgpack'],
      )
      const first = job.args[0] as Record<string, unknown>
      const { body, headers, meta, ...rest } = first
      const { deadline, ...terms } = meta as Record<string, unknown>
      expect(Math.abs(Number(deadline) - Date.now() - 60_000)).toBeLessThan(10_000)
      expect(body).toEqual(encoding === 'json' ? { base64: binary.toString('base64') } : binary)
      const { host, ...fields } = headers as Record<string, unknown>
      expect(host).toBe(`127.0.0.1:${app.port}`)
      seen.push([rest, fields, terms, job.args.length, job.action])
      await reply(job, packr.pack(['answer', job.id, [204, {}]]))
      expect((await answer).status).toBe(204)
      await app.front.stop()
    }
    expect(seen[1]).toEqual(seen[0])
    expect(seen[1]).toMatchObject([
      { method: 'PUT', url: '/a%20b?c=d' },
      { 'x-many': 'a, b' },
      {},
      1,
      'url',
    ])
  })

  test('in MessagePack holds no memory for jobs that are over', async () => {
    const { port, front } = await serve({ redis: redis.url, encoding: 'msgpack' })
    const answers = Array.from({ length: 5 }, () =>
      ask(port, '/', { method: 'POST', body: binary }),
    )
    const jobs = await Promise.all(answers.map(() => popRaw()))
    for (const [, job] of jobs) await reply(job, packr.pack(['answer', job.id, [200, {}, binary]]))
    for (const answer of answers) expect((await answer).body.equals(binary)).toBe(true)
    expect(front.stats().heldChars).toBe(0)
    await until(() => front.stats().heldBytes === 0)
  })

  test('in MessagePack refuses what would fill its memory', async () => {
    const options = { redis: redis.url, encoding: 'msgpack', maxHeldBytes: 100_000 } as const
    const { port, front } = await serve(options)
    // Until one is refused, however long that takes: what Redis has taken is held no longer.
    await redis.cli('CLIENT', 'PAUSE', '10000', 'WRITE')
    const posted = [1, 2].map(() => ask(port, '/', { method: 'POST', body: binary }))
    const first = await Promise.race(posted)
    expect(first.status).toBe(503)
    expect(front.stats().errors).toEqual({ IN_FLIGHT_FULL: 1 })
    await redis.cli('CLIENT', 'UNPAUSE')
    const [, job] = await popRaw()
    await reply(job, JSON.stringify(['answer', job.id, [200, {}, '']]))
    expect((await Promise.all(posted)).map(({ status }) => status).sort()).toEqual([200, 503])
  })

  describe.each(encodings)('that writes %s', (encoding) => {
    test.each<[string, (id: string) => string | Buffer, Buffer | string]>([
      [
        'JSON with base64',
        (id) => JSON.stringify(['answer', id, [200, {}, { base64: binary.toString('base64') }]]),
        binary,
      ],
      ['JSON with text', (id) => JSON.stringify(['answer', id, [200, {}, 'é']]), 'é'],
      ['MessagePack with bytes', (id) => packr.pack(['answer', id, [200, {}, binary]]), binary],
      ['MessagePack with text', (id) => packr.pack(['answer', id, [200, {}, 'é']]), 'é'],
      [
        'MessagePack behind white space',
        (id) => Buffer.concat([Buffer.from(' \n'), packr.pack(['answer', id, [200, {}, 'é']])]),
        'é',
      ],
      ['MessagePack by the old name', (id) => packr.pack(['url', id, [200, {}, 'é']]), 'é'],
      ['MessagePack without a body', (id) => packr.pack(['answer', id, [200, {}]]), ''],
    ])('takes an answer in %s', async (_name, encode, body) => {
      const { port } = await serve({ redis: redis.url, encoding })
      const answer = ask(port)
      const [, job] = await popRaw()
      await reply(job, encode(job.id))
      expect((await answer).body.equals(Buffer.from(body))).toBe(true)
      expect((await answer).headers['content-length']).toBe(String(Buffer.byteLength(body)))
    })

    test('takes a stream of either, piece by piece', async () => {
      const { port } = await serve({ redis: redis.url, encoding })
      const answer = ask(port)
      const [, job] = await popRaw()
      for (const entry of [
        packr.pack(['head', job.id, [200, { 'content-type': 'image/png' }], null]),
        packr.pack(['chunk', job.id, Buffer.from('fffe', 'hex'), 0]),
        JSON.stringify(['chunk', job.id, 'é', 1]),
        packr.pack(['chunk', job.id, 'é', 2]),
        JSON.stringify(['chunk', job.id, { base64: '//4=' }, 3]),
        packr.pack(['end', job.id, 4]),
      ])
        await reply(job, entry)
      expect((await answer).body.toString('hex')).toBe('fffec3a9c3a9fffe')
    })

    test.each<[string, (id: string) => unknown[], number]>([
      ['a status that is none', (id) => ['answer', id, [999, {}]], 502],
      ['headers that are bytes', (id) => ['answer', id, [200, Buffer.alloc(1000)]], 502],
      ['headers that are a date', (id) => ['answer', id, [200, new Date(0)]], 502],
      ['a header that is no number', (id) => ['answer', id, [200, { a: NaN }]], 502],
      ['a header that is bytes', (id) => ['answer', id, [200, { a: Buffer.from('b') }]], 502],
      ['a body that is a date', (id) => ['answer', id, [200, {}, new Date()]], 502],
      ['a header of two lines', (id) => ['answer', id, [200, { a: 'b\r\nc' }]], 502],
      ['a failure', (id) => ['fail', id, { status: 429, message: 'slow down' }], 429],
      ['a loss', (id) => ['lost', id, { final: true, code: 'WORKER_LOST' }], 502],
    ])('ends a request at %s in MessagePack', async (_name, entry, status) => {
      const { port } = await serve({ redis: redis.url, encoding })
      const answer = ask(port)
      const [, job] = await popRaw()
      await reply(job, packr.pack(entry(job.id)))
      expect((await answer).status).toBe(status)
    })
  })

  test('counts what is no MessagePack, and goes on', async () => {
    const { port, front } = await serve({ redis: redis.url, encoding: 'msgpack' })
    const answer = ask(port)
    const [, job] = await popRaw()
    for (const hex of ['93c1', 'ddffffffff', '91'.repeat(100_000), '93d40001', '90', '94ff']) {
      await reply(job, Buffer.from(hex, 'hex'))
    }
    await reply(job, packr.pack(['answer', job.id, [200, {}, 'fine']]))
    expect((await answer).text).toBe('fine')
    expect(front.stats().refusals.malformed).toBe(6)
  })

  test('hears MessagePack that is published', async () => {
    const { port } = await serve({ redis: redis.url, encoding: 'msgpack' })
    const answer = ask(port)
    const [, job] = await popRaw()
    await untilHeard(redis, job.respondTo ?? '')
    await redis.cli(
      'PUBLISH',
      job.respondTo ?? '',
      packr.pack(['answer', job.id, [200, {}, binary]]),
    )
    expect((await answer).body.equals(binary)).toBe(true)
  })

  test('takes MessagePack as the value of a direct verb', async () => {
    const served = await serveDirect({ redis: redis.url, direct: { port: 0 }, encoding: 'msgpack' })
    const worker = await RespClient.open(served.address)
    const whole = ask(served.port)
    const [, one] = await popRaw()
    const { meta } = one.args[0] as { meta: { direct: string } }
    expect(meta.direct).toBe(served.address)
    expect(await worker.say('answer', one.id, packr.pack([200, {}, binary]))).toBe('+OK')
    expect((await whole).body.equals(binary)).toBe(true)
    const streamed = ask(served.port)
    const [, two] = await popRaw()
    expect(await worker.say('head', two.id, packr.pack([200, {}]))).toBe('+OK')
    expect(await worker.say('chunk', two.id, binary, 0)).toBe('+OK')
    expect(await worker.say('end', two.id, 1)).toBe('+OK')
    expect((await streamed).body.equals(binary)).toBe(true)
    const failed = ask(served.port)
    const [, three] = await popRaw()
    expect(await worker.say('answer', three.id, Buffer.from('93c1', 'hex'))).toMatch(/^-ERR/)
    expect(await worker.say('fail', three.id, packr.pack({ status: 410 }))).toBe('+OK')
    expect((await failed).status).toBe(410)
  })

  test('and others of another encoding share a queue and its workers', async () => {
    await work(redis.url, (request) => ({
      headers: { 'x-length': request.body.length },
      body: request.body,
    }))
    const fronts = await Promise.all(
      [...encodings, ...encodings].map((encoding) => serve({ redis: redis.url, encoding })),
    )
    const answers = Array.from({ length: 80 }, async (_, n) => {
      const body = n % 2 === 0 ? randomBytes(n * 100) : 'é'.repeat(n)
      const { port } = fronts[n % fronts.length] ?? { port: 0 }
      const answer = await ask(port, '/', { method: 'POST', body })
      expect(answer.body.equals(Buffer.from(body))).toBe(true)
      expect(answer.headers['x-length']).toBe(String(Buffer.byteLength(body)))
    })
    await Promise.all(answers)
    for (const { front } of fronts)
      expect(Object.values(front.stats().refusals)).toEqual([0, 0, 0, 0, 0, 0])
  })
})

describeWithRedis('a node that writes MessagePack', () => {
  const redis = useRedis()

  test('pushes and asks, with the marks that a job without metadata bears', async () => {
    const node = createNode({ redis: redis.url, redisWaitMs: 10_000, encoding: 'msgpack' })
    atClose(() => node.stop())
    const hand = new Hand(redis.url)
    await node.push('tempest', 'add', [{ a: undefined, b: 1n }, Buffer.from('x')], {
      maxAttempts: 4,
    })
    const [, pushed] = (await hand.redis.blpopBuffer('tempest', 5)) ?? []
    const answer = node.ask('tempest', 'add', [1], { retry: true, maxAttempts: 2 })
    const [, asked] = (await hand.redis.blpopBuffer('tempest', 5)) ?? []
    expect(decodeJob(pushed ?? Buffer.alloc(0))).toMatchObject({
      args: [{ b: 1 }, Buffer.from('x')],
      respondTo: null,
      id: expect.stringMatching(/-r4$/),
    })
    const job = decodeJob(asked ?? Buffer.alloc(0))
    expect(job).toMatchObject({ args: [1], id: expect.stringMatching(/-r2$/) })
    const { id, respondTo } = job as Job
    await redis.cli(
      'RPUSH',
      respondTo ?? '',
      packr.pack(['answer', id, { n: 2n ** 60n, at: new Date(5) }]),
    )
    expect(await answer).toEqual({ n: 2n ** 60n, at: new Date(5) })
  })

  test('sends what was given, though it changes before it leaves', async () => {
    const node = createNode({ redis: redis.url, redisWaitMs: 10_000, encoding: 'msgpack' })
    atClose(() => node.stop())
    const given = { list: [1], bytes: Buffer.from('abc') }
    const pushed = node.push('tempest', 'add', [given])
    given.list.push(2)
    given.bytes.fill(0)
    await pushed
    const [, raw] = (await redis.client().blpopBuffer('tempest', 5)) ?? []
    expect(decodeJob(raw ?? Buffer.alloc(0))).toMatchObject({
      args: [{ list: [1], bytes: Buffer.from('abc') }],
    })
  })

  test('is told at once what it cannot send, and which encoding it cannot have', async () => {
    const node = createNode({ redis: redis.url, redisWaitMs: 10_000, encoding: 'msgpack' })
    atClose(() => node.stop())
    await expect(node.ask('q', 'a', [2n ** 64n])).rejects.toThrow('more than 64 bits')
    await expect(node.push('q', 'a', [() => 1])).rejects.toThrow('args[0] cannot be sent')
    expect(() => createNode({ redis: redis.url, encoding: 'xml' as 'json' })).toThrow(
      `encoding: use 'json' or 'msgpack', not xml`,
    )
  })
})
