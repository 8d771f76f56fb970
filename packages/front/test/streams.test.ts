/** What a client sees of a reply in pieces that comes by the mailbox: whole, or visibly not. The worker is made by hand. */
import { expect, test } from '@jest/globals'
import { createFront } from '@tempest/front'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import type { Redis } from 'ioredis'
import { describeWithRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import { ask, get, type Question, RawClient } from './client'
import { atClose, Hand, type Popped, serve, type Served, useRedis } from './serve'

const TEXT = { 'content-type': 'text/plain' }
const EVENTS = { 'content-type': 'text/event-stream' }

describeWithRedis('a reply in pieces', () => {
  const redis = useRedis()

  let pushing: Redis | undefined
  /** Pushes entries to the mailbox of a job, all at once; `id` is that of the job unless another is given. */
  const push = (job: Popped, ...entries: [verb: string, ...unknown[]][]): Promise<unknown> => {
    pushing ??= redis.client()
    const texts = entries.map(([verb, ...rest]) => JSON.stringify([verb, job.id, ...rest]))
    return pushing.rpush(String(job.respondTo), ...texts)
  }
  async function begin(
    request: string,
    options: Parameters<typeof serve>[0] extends infer O ? Partial<O> : never = {},
    work: Parameters<Served['front']['work']>[1] = {},
  ): Promise<Served & { client: RawClient; job: Popped; hand: Hand }> {
    const served = await serve({ redis: redis.url, ...options }, (front) =>
      front.work('tempest', work),
    )
    const hand = new Hand(redis.url)
    const client = await RawClient.open(served.port)
    client.write(request)
    return { ...served, client, hand, job: await hand.pop() }
  }
  /** Asks with node:http and replies with these entries, in one push. */
  async function answered(
    entries: [verb: string, ...unknown[]][],
    question: Question = {},
  ): Promise<Awaited<ReturnType<typeof ask>>> {
    const { port } = await serve({ redis: redis.url })
    const answer = ask(port, '/', question)
    await push(await new Hand(redis.url).pop(), ...entries)
    return answer
  }

  test('leaves piece by piece, each as soon as it is there', async () => {
    const { client, job } = await begin(get('/'))
    await push(job, ['head', [200, TEXT], null])
    await client.hears(/transfer-encoding: chunked/i)
    expect(client.text).toMatch(/^HTTP\/1.1 200 OK\r\ncontent-type: text\/plain\r\nx-request-id: /)
    await push(job, ['chunk', 'one ', 0])
    await client.hears('\r\n\r\n4\r\none \r\n')
    await push(job, ['chunk', { base64: '//4=' }, 1])
    await client.hears('\r\n2\r\n\xff\xfe\r\n')
    await push(job, ['end', 2])
    await client.hears('\r\n0\r\n\r\n')
    expect(client.socket.destroyed).toBe(false)
  })

  test('has a length where all of it comes in one turn, and many small pieces are one', async () => {
    const pieces = Array.from({ length: 300 }, (_, n): [string, ...unknown[]] => [
      'chunk',
      `${n},`,
      n,
    ])
    const answer = await answered([['head', [201, TEXT]], ...pieces, ['end', 300]])
    expect(answer.status).toBe(201)
    expect(answer.text).toBe(Array.from({ length: 300 }, (_, n) => `${n},`).join(''))
    expect(answer.headers['content-length']).toBe(String(answer.text.length))
    expect(answer.headers['transfer-encoding']).toBeUndefined()
  })

  test('takes a repeat of anything once', async () => {
    const answer = await answered([
      ['head', [200, TEXT]],
      ['head', [200, TEXT]],
      ['chunk', 'a', 0],
      ['chunk', 'a', 0],
      ['chunk', 'b', 1],
      ['head', [500, {}]],
      ['chunk', 'a', 0],
      ['chunk', 'b', 1],
      ['end', 2],
      ['end', 2],
      ['chunk', 'c', 2],
    ])
    expect([answer.status, answer.text]).toEqual([200, 'ab'])
  })

  test.each<[string, [string, ...unknown[]][]]>([
    ['a chunk without a head', [['chunk', 'a', 0]]],
    ['an end without a head', [['end', 0]]],
    ['a head that is no head', [['head', 'a']]],
    ['a head with a body', [['head', [200, {}, 'a']]]],
    ['a head with a senseless status', [['head', [999, {}]]]],
    ['a head with a header that cannot be', [['head', [200, { 'x-a': 'b\nc' }]]]],
    ['a head with a mailbox that cannot be', [['head', [200, {}], '{tempest}:high']]],
    [
      'a gap before the first byte',
      [
        ['head', [200, {}]],
        ['chunk', 'b', 1],
      ],
    ],
    [
      'too few chunks before the first byte',
      [
        ['head', [200, {}]],
        ['end', 1],
      ],
    ],
    [
      'bytes that are none',
      [
        ['head', [200, {}]],
        ['chunk', 7, 0],
      ],
    ],
    [
      'a chunk without a number',
      [
        ['head', [200, {}]],
        ['chunk', 'a'],
      ],
    ],
    [
      'more than its content-length',
      [
        ['head', [200, { 'Content-Length': 1 }]],
        ['chunk', 'ab', 0],
      ],
    ],
    [
      'less than its content-length',
      [
        ['head', [200, { 'Content-Length': 3 }]],
        ['chunk', 'ab', 0],
        ['end', 1],
      ],
    ],
  ])('is a 502 where nothing was sent: %s', async (_, entries) => {
    const answer = await answered(entries)
    expect(answer.status).toBe(502)
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'BAD_REPLY' })
  })

  test('that fails before its first byte has the status of the failure', async () => {
    const answer = await answered([
      ['head', [200, TEXT]],
      ['chunk', 'secret', 0],
      ['fail', { status: 429, message: 'secret' }],
    ])
    expect(answer.status).toBe(429)
    expect(answer.text).not.toContain('secret')
  })

  test.each<[string, [string, ...unknown[]]]>([
    ['a gap', ['chunk', 'c', 2]],
    ['a count that is not true', ['end', 7]],
    ['a failure', ['fail', { message: 'secret' }]],
    ['bytes that are none', ['chunk', {}, 1]],
    ['the loss of its worker', ['lost', { final: true }]],
    ['the loss of its worker, though it may be retried', ['lost', { final: false }]],
  ])('that breaks after its first byte never looks complete: %s', async (_, last) => {
    const { client, job, front } = await begin(get('/'))
    await push(job, ['head', [200, TEXT]], ['chunk', 'first', 0])
    await client.hears('first')
    await push(job, last)
    await client.closed
    expect(client.text).toMatch(/5\r\nfirst\r\n$/)
    expect(front.stats()).toMatchObject({ inFlight: 0, heldBytes: 0 })
  })

  test('over HTTP/1.0 is ended by a reset where it is not whole, and by the end of the connection where it is', async () => {
    const request = 'GET / HTTP/1.0\r\n\r\n'
    for (const [last, whole] of [
      [['end', 1], true],
      [['fail', { message: 'x' }], false],
    ] as const) {
      const { client, job } = await begin(request)
      let reset = false
      client.socket.on('error', () => (reset = true))
      await push(job, ['head', [200, TEXT]], ['chunk', 'first', 0])
      await client.hears('\r\n\r\nfirst')
      await push(job, [...last])
      await client.closed
      expect({ whole, reset, ended: client.ended }).toEqual({ whole, reset: !whole, ended: whole })
    }
  })

  test('over HTTP/1.0 and a socket of the file system, which cannot be reset, is ended all the same', async () => {
    const front = createFront({ redis: redis.url, redisWaitMs: 10_000, drainMs: 100 })
    atClose(() => front.stop())
    const path = join(mkdtempSync(join(tmpdir(), 'tempest-')), 'http')
    const server = createServer(front.work('tempest')).listen(path)
    await once(server, 'listening')
    atClose(() => server.close())
    const socket = connect(path)
    let text = ''
    socket.on('data', (chunk) => (text += String(chunk)))
    const closed = once(socket, 'close')
    socket.write('GET / HTTP/1.0\r\n\r\n')
    const job = await new Hand(redis.url).pop()
    await push(job, ['head', [200, TEXT]], ['chunk', 'first', 0])
    await until(() => text.includes('first'))
    await push(job, ['fail', { message: 'x' }])
    await closed
    expect(front.stats().inFlight).toBe(0)
  })

  test('of events says `error` before it is cut, unless it stands within an event', async () => {
    for (const [piece, told] of [
      ['data: a\n\n', true],
      ['data: a\r\n\r\n', true],
      ['data: a', false],
      ['data: a\n', false],
    ] as const) {
      const { client, job } = await begin(get('/'))
      await push(job, ['head', [200, EVENTS]], ['chunk', piece, 0])
      await client.hears('data: a')
      await push(job, ['fail', { message: 'secret' }])
      await client.closed
      expect(
        client.text.includes('event: error\ndata: {"status":500,"code":"HANDLER_FAILED"'),
      ).toBe(told)
      expect(client.text).not.toContain('secret')
      expect(client.text).not.toMatch(/\r\n0\r\n/)
    }
  })

  test.each([
    ['of a length, which they could fill', { 'content-length': 60 }],
    ['that is coded, where they would be none', { 'content-encoding': 'gzip' }],
  ])('of events %s, is cut without last words', async (_, fields) => {
    const { client, job } = await begin(get('/'))
    await push(job, ['head', [200, { ...EVENTS, ...fields }]], ['chunk', 'data: a\n\n', 0])
    await client.hears('data: a')
    await push(job, ['fail', { message: 'x' }])
    await client.closed
    expect(client.text).not.toContain('event: error')
  })

  test('has no body for HEAD, 204 and 304, whatever is sent', async () => {
    for (const [method, status] of [
      ['HEAD', 200],
      ['GET', 204],
      ['GET', 304],
    ] as const) {
      const { client, job } = await begin(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`)
      await push(
        job,
        ['head', [status, { ...TEXT, 'content-length': 5 }]],
        ['chunk', 'hello', 0],
        ['end', 1],
      )
      client.write(get('/next'))
      await (await new Hand(redis.url).pop()).answer([200, {}, 'next'])
      await client.hears('next')
      expect(client.text).not.toContain('hello')
      expect(/content-length: 5/.test(client.text)).toBe(status !== 204)
      expect(client.text).not.toContain('chunked')
    }
  })

  test('has the bytes of a field as they are, with a length and without', async () => {
    for (const length of [{}, { 'content-length': 4 }]) {
      for (const entries of [
        [
          ['chunk', 'h\u00e9', 0],
          ['chunk', 'y', 1],
          ['end', 2],
        ],
        [['chunk', 'h\u00e9', 0]],
      ] satisfies [string, ...unknown[]][][]) {
        const { client, job } = await begin(get('/'))
        await push(job, ['head', [200, { 'x-name': '\u00c3\u00bc', ...length }]], ...entries)
        await client.hears('h\xc3\xa9')
        expect(client.text).toContain('x-name: \xc3\xbc\r\n')
      }
    }
  })

  test('keeps the length its worker says', async () => {
    const answer = await answered([
      ['head', [200, { 'Content-Length': '4' }]],
      ['chunk', 'ab', 0],
      ['chunk', 'cd', 1],
      ['end', 2],
    ])
    expect([answer.text, answer.headers['content-length']]).toEqual(['abcd', '4'])
  })

  test('belongs to the attempt that began it: all others are refused', async () => {
    const { client, job, front } = await begin(get('/'))
    await push(job, ['lost', { final: false, queue: 'tempest' }])
    const second = { ...job, id: `${job.id}.2` }
    await push(job, ['head', [200, { 'x-attempt': '1' }]], ['chunk', 'old', 0])
    await push(second, ['head', [200, { 'x-attempt': '2' }]], ['chunk', 'new', 0])
    await client.hears('new')
    await push(
      job,
      ['chunk', 'old', 1],
      ['answer', [200, {}, 'old']],
      ['fail', { message: '' }],
      ['lost', { final: true }],
    )
    await push(second, ['answer', [200, {}, 'whole']], ['end', 1])
    await client.hears('\r\n0\r\n\r\n')
    expect(client.text).toContain('x-attempt: 2')
    expect(client.text).not.toMatch(/old|whole/)
    expect(front.stats().refusals).toMatchObject({ fenced: 7 })
  })

  test('is cut when nothing more of it comes within idleMs, however long it has lasted', async () => {
    const { client, job } = await begin(get('/'), {}, { deadlineMs: 1500, idleMs: 1500 })
    await push(job, ['head', [200, EVENTS]])
    const began = performance.now()
    for (let n = 0; performance.now() - began < 2000; n++) {
      await push(job, ['chunk', ': alive\n\n', n])
      await until(() => client.text.split('alive').length > n + 1)
    }
    await client.closed
    expect(client.text).toContain('"code":"DEADLINE"')
  })

  test('tells the workers when its client leaves', async () => {
    const { client, job, front } = await begin(get('/'))
    const heard: string[] = []
    const listener = redis.client()
    await listener.subscribe('{tempest}:cancel')
    listener.on('message', (_channel, text) => heard.push(text))
    await push(job, ['head', [200, TEXT]], ['chunk', 'first', 0])
    await client.hears('first')
    client.leave()
    await until(() => heard.some((text) => text.includes(job.id)))
    expect(front.stats()).toMatchObject({ inFlight: 0, heldBytes: 0, left: 1 })
  })

  test('pauses and resumes its worker through the mailbox that its head names', async () => {
    const { client, job, front } = await begin(get('/'))
    const listener = redis.client()
    client.socket.pause()
    await push(job, ['head', [200, TEXT], 'my:mailbox'])
    let n = 0
    const said: unknown[] = []
    const listen = async (): Promise<void> => {
      const [, text] = (await listener.blpop('my:mailbox', 5)) ?? []
      said.push(JSON.parse(String(text)))
    }
    const piece = 'x'.repeat(200_000)
    while (!said.some((entry) => Array.isArray(entry) && entry[0] === 'pause')) {
      await push(job, ['chunk', piece, n++])
      await listen()
    }
    expect(said.at(-1)).toEqual(['pause', job.id])
    expect(front.stats().heldBytes).toBeLessThan(2_000_000)
    client.socket.resume()
    await listen()
    expect(said.at(-1)).toEqual(['resume', job.id, n])
    await push(job, ['end', n])
    await client.hears('\r\n0\r\n\r\n')
    await until(() => front.stats().heldBytes === 0)
  })

  test('whose worker does not heed a slow client is cut, and the memory it took is free again', async () => {
    const { client, job, front } = await begin(get('/'), { maxHeldBytes: 2_000_000 })
    client.socket.pause()
    await push(job, ['head', [200, TEXT]])
    let most = 0
    for (let n = 0; front.stats().inFlight > 0 && n < 200; n++) {
      await push(job, ['chunk', 'x'.repeat(500_000), n])
      most = Math.max(most, front.stats().heldBytes)
    }
    expect(front.stats().errors).toEqual({ OVERRUN: 1 })
    expect(most).toBeLessThan(3_000_000)
    expect(front.stats().heldBytes).toBe(0)
  })

  test('is never a byte that looks right and is not: with duplicates and gaps it is the same, or cut', async () => {
    const { port } = await serve({ redis: redis.url })
    const hand = new Hand(redis.url)
    const chunk = fc.uint8Array({ minLength: 0, maxLength: 40 }).map((bytes) => Buffer.from(bytes))
    const mischief = fc.array(fc.tuple(fc.nat(20), fc.constantFrom('repeat', 'omit', 'swap')), {
      maxLength: 3,
    })
    await fc.assert(
      fc.asyncProperty(fc.array(chunk, { maxLength: 10 }), mischief, async (chunks, tricks) => {
        const entries: [string, ...unknown[]][] = [
          ['head', [200, {}]],
          ...chunks.map((bytes, n): [string, ...unknown[]] => [
            'chunk',
            { base64: bytes.toString('base64') },
            n,
          ]),
          ['end', chunks.length],
        ]
        for (const [at, trick] of tricks) {
          const i = 1 + (at % Math.max(entries.length - 2, 1))
          const entry = entries[i]
          if (!entry || i >= entries.length - 1) continue
          if (trick === 'repeat') entries.splice(i, 0, entry)
          else if (trick === 'omit') entries.splice(i, 1)
          else entries.splice(i, 2, ...entries.slice(i, i + 2).reverse())
        }
        // Without an end it would only end at its deadline.
        if (!entries.some(([verb]) => verb === 'end')) entries.push(['fail', { message: '' }])
        const answer = ask(port).catch(() => undefined)
        await push(await hand.pop(), ...entries)
        const seen = await answer
        if (seen?.status === 200) expect(seen.body.equals(Buffer.concat(chunks))).toBe(true)
      }),
      { numRuns: 40 },
    )
  })

  test('carries random bytes of every size around the edges of buffers', async () => {
    const { port } = await serve({ redis: redis.url })
    const hand = new Hand(redis.url)
    for (const size of [
      1, 1023, 1024, 16_383, 16_384, 16_385, 32_767, 32_768, 65_536, 65_537, 300_001,
    ]) {
      const chunks = Array.from({ length: 5 }, () => randomBytes(size))
      const answer = ask(port)
      const job = await hand.pop()
      await push(job, ['head', [200, {}]])
      for (const [n, bytes] of chunks.entries())
        await push(job, ['chunk', { base64: bytes.toString('base64') }, n])
      await push(job, ['end', 5])
      const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
      expect(hash((await answer).body)).toBe(hash(Buffer.concat(chunks)))
    }
  })
})
