/** Generated hostility: mailboxes and sockets. Nothing crashes, nothing hangs, and no other request is harmed. */
import { expect, test } from '@jest/globals'
import type { Front } from '@tempest/front'
import fc from 'fast-check'
import type { Redis } from 'ioredis'
import { describeWithRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import { ask, get, RawClient } from './client'
import { Hand, type Popped, serve, untilHeard, work, useRedis } from './serve'

describeWithRedis('hostile input', () => {
  const redis = useRedis()

  /** Names what stands for the id of an open request, so that a generated entry can be aimed at it. */
  const OPEN = 'the open id'
  const id = fc.oneof(
    { weight: 4, arbitrary: fc.constant(OPEN) },
    fc.constantFrom(`${OPEN}.2`, `${OPEN}.1e3`, `${OPEN}.`, '__proto__', '-', '-0-', 'a-zzzz-b'),
    fc.jsonValue({ maxDepth: 1 }),
  )
  const verb = fc.constantFrom(
    ...['fail', 'head', 'chunk', 'end', 'lost', 'send', 'close', 'pause', 'resume', 'constructor'],
    '',
  )
  const whole = fc.tuple(fc.constantFrom('answer', 'url'), fc.jsonValue(), fc.jsonValue())
  // A failure of an open job is a reply; so are pieces, which break it where they make no sense.
  const replies = ['fail', 'head', 'chunk', 'end']
  const array = fc
    .tuple(verb, id, fc.jsonValue(), fc.jsonValue())
    .filter(([name, of]) => !replies.includes(name) || (name !== 'fail' && of !== OPEN))
  const entry = fc.oneof(
    fc
      .oneof(
        array,
        whole,
        fc.tuple(fc.constant('fail'), fc.string(), fc.jsonValue()),
        fc.jsonValue(),
      )
      .map((value) => JSON.stringify(value)),
    fc.string({ unit: 'binary' }),
    fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
    fc.constantFrom(
      '[',
      '['.repeat(50_000),
      '{"a":'.repeat(10_000),
      `["answer","${'x'.repeat(1e6)}"]`,
    ),
  )

  const refused = (front: Front): number =>
    Object.values(front.stats().refusals).reduce<number>((sum, n) => sum + Number(n), 0)

  test('in the mailbox and on its channel is counted, and open requests get their own answers', async () => {
    const { port, front } = await serve({ redis: redis.url })
    const hand = new Hand(redis.url)
    const open: { answer: Promise<string>; job: Popped }[] = []
    for (let i = 0; i < 5; i++) {
      const answer = ask(port).then(({ text }) => text)
      open.push({ answer, job: await hand.pop() })
    }
    const [first] = open
    if (!first) throw new Error('nothing is open')
    const { job } = first
    const box = job.respondTo ?? ''
    await untilHeard(redis, box)
    const client: Redis = redis.client()
    let sent = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(entry, { minLength: 1, maxLength: 20 }),
        fc.boolean(),
        async (some, list) => {
          const entries = some.map((one) =>
            typeof one === 'string' ? one.replaceAll(OPEN, job.id) : one,
          )
          sent += entries.length
          if (list) await client.rpush(box, ...entries)
          else for (const one of entries) await client.publish(box, one)
        },
      ),
      { numRuns: 60 },
    )
    await until(() => refused(front) >= sent)
    for (const [i, { job: each }] of open.entries()) await each.answer([200, {}, `answer ${i}`])
    for (const [i, { answer }] of open.entries()) expect(await answer).toBe(`answer ${i}`)
    expect(front.stats().inFlight).toBe(0)
    await until(() => front.stats().connected)
  })

  const line = fc.oneof(
    fc.string({ maxLength: 30 }),
    fc.constantFrom(
      ...['Content-Length: 5', 'Content-Length: -1', 'Content-Length: 99999999999999999999'],
      ...['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked, gzip', 'Expect: 100-continue'],
      ...[
        'Connection: close',
        'Connection: ,',
        'Upgrade: x',
        'X\0: y',
        ': z',
        ' folded',
        'Host: h',
      ],
      ...['__proto__: {}', 'constructor: x', 'Accept: ;q=9,*', 'Cookie: a\xff', 'Trailer: x'],
    ),
  )
  const start = fc.constantFrom(
    ...['GET / HTTP/1.1', 'POST / HTTP/1.1', 'HEAD //%00 HTTP/1.0', 'OPTIONS * HTTP/1.1', 'X'],
    ...[
      'CONNECT a:1 HTTP/1.1',
      'GET http:// HTTP/1.1',
      'PUT /\\ HTTP/1.1',
      'GET /?__proto__ HTTP/1.1',
    ],
  )
  const body = fc.constantFrom(
    '',
    '5\r\nabcde\r\n0\r\n\r\n',
    '0\r\nX: y\r\n\r\n',
    'fffffffffffffffff\r\n',
    'abc',
  )
  const message = fc
    .tuple(start, fc.array(line, { maxLength: 5 }), body)
    .map(([first, lines, rest]) => [first, ...lines, '', rest].join('\r\n'))
  const said = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    fc.array(message, { minLength: 1, maxLength: 3 }).map((messages) => messages.join('')),
  )

  test('on sockets harms no other request and leaves nothing behind', async () => {
    const { port, front } = await serve({ redis: redis.url }, (made) =>
      made.work('tempest', { maxBodyBytes: 1000, deadlineMs: 20_000 }),
    )
    await work(redis.url, ({ url, body: bytes }) => `${url} ${bytes.length}`)
    await fc.assert(
      fc.asyncProperty(fc.array(said, { minLength: 1, maxLength: 5 }), async (texts) => {
        const clients = await Promise.all(texts.map(() => RawClient.open(port)))
        clients.forEach((client, i) => client.write(texts[i] ?? ''))
        expect((await ask(port, '/fine')).text).toBe('/fine 0')
        clients.forEach((client, i) => (i % 2 ? client.leave() : client.socket.end()))
        await Promise.all(clients.map((client) => client.closed))
        for (const { text } of clients) expect(text).toMatch(/^(HTTP\/1\.1 [1-5]\d\d |$)/)
      }),
      { numRuns: 120 },
    )
    await until(() => front.stats().inFlight === 0)
    expect(front.stats()).toMatchObject({ heldBytes: 0, heldChars: 0 })
    const client = await RawClient.open(port)
    client.write(get('/last'))
    await client.hears('/last 0')
  })
})
