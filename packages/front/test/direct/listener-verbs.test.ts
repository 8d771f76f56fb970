/** The verbs as commands of the direct listener: what they do to the client, and what the worker hears. */
import { expect, test } from '@jest/globals'
import { createHash, randomBytes } from 'node:crypto'
import { describeWithRedis } from '../../../../test/helpers/redis'
import { until } from '../../../../test/helpers/until'
import { ask, get, problemOf } from '../client'
import { type Popped, useRedis } from '../serve'
import { asks, command, HEAD, RespClient, serveDirect } from './resp'

const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

describeWithRedis('a direct reply', () => {
  const redis = useRedis()
  const direct = () => serveDirect({ redis: redis.url })
  const push = (job: Popped, ...entries: unknown[][]): Promise<unknown> =>
    Promise.all(entries.map(([verb, ...rest]) => job.push(JSON.stringify([verb, job.id, ...rest]))))

  test('is offered by the job: meta.direct is where the front listens', async () => {
    const served = await direct()
    const { job } = await asks(served)
    expect(JSON.parse(job.raw)).toMatchObject([
      'url',
      [{ meta: { direct: served.address } }],
      expect.anything(),
      expect.anything(),
    ])
    expect(served.address).toMatch(/^127\.0\.0\.1:[1-9]\d*$/)
  })

  test.each(['answer', 'url', 'ANSWER', 'aNsWeR'])('is whole with %s', async (verb) => {
    const served = await direct()
    const answer = ask(served.port)
    const job = await served.hand.pop()
    const worker = await RespClient.open(served.address)
    expect(await worker.say(verb, job.id, '[201,{"x-a":"ä"},"bödy"]')).toBe('+OK')
    expect(await answer).toMatchObject({ status: 201, text: 'bödy' })
    expect(await worker.say(verb, job.id, '[200,{},"second"]')).toMatch(/^-GONE /)
  })

  test('is whole with an inline command, in quotes', async () => {
    const served = await direct()
    const answer = ask(served.port)
    const job = await served.hand.pop()
    const worker = await RespClient.open(served.address)
    worker.write(`  AnSwEr ${job.id} '[200,{},"in line"]'\n`)
    expect(await worker.reply(0)).toBe('+OK')
    expect((await answer).text).toBe('in line')
  })

  test('in pieces leaves piece by piece, whatever its bytes', async () => {
    const served = await direct()
    const { client, job } = await asks(served)
    const worker = await RespClient.open(served.address)
    expect(await worker.say('head', job.id, HEAD)).toBe('+OK')
    await client.hears(/transfer-encoding: chunked/i)
    expect(await worker.say('chunk', job.id, 'one\r\n', 0)).toBe('+OK')
    await client.hears('\r\n\r\n5\r\none\r\n\r\n')
    const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
    expect(await worker.say('chunk', job.id, all, 1)).toBe('+OK')
    await client.hears(`\r\n100\r\n${all.toString('latin1')}\r\n`)
    expect(await worker.say('chunk', job.id, '', 2)).toBe('+OK')
    expect(await worker.say('end', job.id, 3)).toBe('+OK')
    await client.hears('\r\n0\r\n\r\n')
    expect(client.socket.destroyed).toBe(false)
    expect(served.front.stats()).toMatchObject({ inFlight: 0, heldBytes: 0 })
  })

  test('in pieces is byte for byte what was sent, with chunks up to a megabyte and beyond', async () => {
    const served = await direct()
    const worker = await RespClient.open(served.address)
    const sizes = [1, 0, 16_383, 16_385, 65_536, 300_001, 1_048_576, 3_000_000]
    const chunks = sizes.map((size) => randomBytes(size))
    const answer = ask(served.port)
    const job = await served.hand.pop()
    worker.send(
      ['head', job.id, '[200,{}]'],
      ...chunks.map((bytes, n) => ['chunk', job.id, bytes, n]),
      ['end', job.id, chunks.length],
    )
    await until(() => worker.heard.length === chunks.length + 2)
    expect(worker.heard.every((reply) => reply === '+OK')).toBe(true)
    expect(hash((await answer).body)).toBe(hash(Buffer.concat(chunks)))
  })

  test('fails with its own status before the first byte, and is cut after it', async () => {
    const served = await direct()
    const worker = await RespClient.open(served.address)
    const answer = ask(served.port)
    const first = await served.hand.pop()
    const failure = JSON.stringify({ status: 429, code: 'X', message: 'secret' })
    expect(await worker.say('fail', first.id, failure)).toBe('+OK')
    expect((await answer).status).toBe(429)
    expect((await answer).text).not.toContain('secret')
    const { client, job } = await asks(served)
    await worker.sayAll(['head', job.id, HEAD], ['chunk', job.id, 'first', 0])
    await client.hears('first')
    expect(await worker.say('fail', job.id, failure)).toBe('+OK')
    await client.closed
    expect(client.text).not.toMatch(/secret|\r\n0\r\n/)
    expect(await worker.say('chunk', job.id, 'more', 1)).toMatch(/^-GONE /)
  })

  test.each<[string, (id: string) => (string | number)[]]>([
    ['answer without a reply', (id) => ['answer', id]],
    ['answer with too much', (id) => ['answer', id, '[200,{},""]', 'x']],
    ['answer that is no JSON', (id) => ['answer', id, 'hello']],
    ['answer of nothing', (id) => ['answer', id, '']],
    ['answer of two', (id) => ['answer', id, '[200,{},"a"],1']],
    ['answer that ends its entry', (id) => ['answer', id, '1],["answer",2']],
    ['url that is no JSON', (id) => ['url', id, '{']],
    ['head without JSON', (id) => ['head', id, '']],
    ['head that is not whole', (id) => ['head', id, '[200,{}']],
    ['head with too much', (id) => ['head', id, HEAD, 'box', 'x']],
    ['head with a mailbox in its JSON', (id) => ['head', id, '[200,{}],"box"']],
    ['head with a mailbox that cannot be', (id) => ['head', id, HEAD, '{tempest}:high']],
    ['head with no name for its mailbox', (id) => ['head', id, HEAD, '']],
    ['chunk without a number', (id) => ['chunk', id, 'x']],
    ['chunk with a negative number', (id) => ['chunk', id, 'x', -1]],
    ['chunk with a fraction', (id) => ['chunk', id, 'x', '1.5']],
    ['chunk with a number too large', (id) => ['chunk', id, 'x', '9'.repeat(16)]],
    ['chunk with an empty number', (id) => ['chunk', id, 'x', '']],
    ['chunk with a number in hexadecimal', (id) => ['chunk', id, 'x', '0x1']],
    ['chunk with too much', (id) => ['chunk', id, 'x', 0, 0]],
    ['end without a count', (id) => ['end', id]],
    ['end with a count that is none', (id) => ['end', id, 'all']],
    ['fail without JSON', (id) => ['fail', id, 'oh no']],
    ['fail with too much', (id) => ['fail', id, '{}', '{}']],
    ['a verb without an id', () => ['answer', '', '[200,{},""]']],
    ['a verb that is none', (id) => ['resume', id, 1]],
    ['lost, which only a sweeper says', (id) => ['lost', id, '{"final":true}']],
  ])('that is malformed is an -ERR, and the job waits on: %s', async (_, words) => {
    const served = await direct()
    const answer = ask(served.port)
    const job = await served.hand.pop()
    const worker = await RespClient.open(served.address)
    expect(await worker.say(...words(job.id))).toMatch(/^-ERR .{5,}/)
    expect(await worker.say('answer', job.id, '[200,{},"after"]')).toBe('+OK')
    expect((await answer).text).toBe('after')
  })

  test.each<[string, (id: string) => (string | number)[][], RegExp]>([
    ['a chunk without a head', (id) => [['chunk', id, 'a', 0]], /without a head/],
    ['an end without a head', (id) => [['end', id, 0]], /without a head/],
    ['a senseless status', (id) => [['head', id, '[999,{}]']], /status 999/],
    ['a head that is no list', (id) => [['head', id, '"a"']], /\[status, headers\]/],
    ['a header that cannot be', (id) => [['head', id, '[200,{"x":"a\\nb"}]']], /header/i],
    [
      'a gap',
      (id) => [
        ['head', id, HEAD],
        ['chunk', id, 'b', 1],
      ],
      /chunk 0 is missing/,
    ],
    [
      'too few chunks',
      (id) => [
        ['head', id, HEAD],
        ['end', id, 1],
      ],
      /0 chunks came of 1/,
    ],
    [
      'more than its content-length',
      (id) => [
        ['head', id, '[200,{"content-length":1}]'],
        ['chunk', id, 'ab', 0],
      ],
      /longer than its content-length/,
    ],
    [
      'less than its content-length',
      (id) => [
        ['head', id, '[200,{"content-length":3}]'],
        ['chunk', id, 'ab', 0],
        ['end', id, 1],
      ],
      /shorter than its content-length/,
    ],
  ])(
    'that is broken before its first byte is a 502, and its worker hears why: %s',
    async (_, commands, why) => {
      const served = await direct()
      const answer = ask(served.port)
      const job = await served.hand.pop()
      const worker = await RespClient.open(served.address)
      const replies = await worker.sayAll(...commands(job.id), ['end', job.id, 0])
      expect(replies.at(-2)).toMatch(/^-ERR /)
      expect(replies.at(-2)).toMatch(why)
      expect(replies.at(-1)).toMatch(/^-GONE /)
      expect((await answer).status).toBe(502)
      expect(problemOf(await answer)).toMatchObject({ code: 'BAD_REPLY' })
    },
  )

  test('that breaks after its first byte is cut', async () => {
    const served = await direct()
    for (const last of [
      ['chunk', 'c', 2],
      ['end', 7],
    ]) {
      const { client, job } = await asks(served)
      const worker = await RespClient.open(served.address)
      await worker.sayAll(['head', job.id, HEAD], ['chunk', job.id, 'first', 0])
      await client.hears('first')
      const [verb = '', ...rest] = last
      expect(await worker.say(verb, job.id, ...rest)).toMatch(/^-ERR /)
      await client.closed
      expect(client.text).toMatch(/5\r\nfirst\r\n$/)
    }
    expect(served.front.stats()).toMatchObject({ inFlight: 0, heldBytes: 0 })
  })

  test('takes a repeat of anything once, and says +OK to each', async () => {
    const served = await direct()
    const answer = ask(served.port)
    const { id } = await served.hand.pop()
    const worker = await RespClient.open(served.address)
    const replies = await worker.sayAll(
      ['head', id, HEAD],
      ['head', id, HEAD],
      ['chunk', id, 'a', 0],
      ['chunk', id, 'a', 0],
      ['head', id, '[500,{}]'],
      ['chunk', id, 'b', 1],
      ['chunk', id, 'a', 0],
      ['chunk', id, 'b', 1],
    )
    expect(replies).toEqual(Array(8).fill('+OK'))
    expect(await worker.say('end', id, 2)).toBe('+OK')
    expect(await answer).toMatchObject({ status: 200, text: 'ab' })
    expect(served.front.stats().refusals).toMatchObject({ repeated: 5 })
  })

  test('to nobody is -GONE: an unknown id, one of another front, one that is over, one whose client has left', async () => {
    const served = await direct()
    const worker = await RespClient.open(served.address)
    const { client, job } = await asks(served)
    client.leave()
    await until(() => served.front.stats().inFlight === 0)
    const ids = ['nobody', 'x'.repeat(10_000), 'b00t-1', 'ä\r\n+OK', job.id, `${job.id}.2`]
    for (const id of ids) {
      const replies = await worker.sayAll(
        ['answer', id, '[200,{},""]'],
        ['head', id, HEAD],
        ['chunk', id, 'x', 0],
        ['end', id, 1],
        ['fail', id, '{}'],
      )
      for (const reply of replies) expect(reply).toMatch(/^-GONE /)
      expect(replies).toHaveLength(5)
    }
    expect(await worker.say('ping')).toBe('+PONG')
  })

  test('of an older attempt is -FENCED, and so is all but the attempt that has begun', async () => {
    const served = await direct()
    const worker = await RespClient.open(served.address)
    const { client, job } = await asks(served)
    const second = `${job.id}.2`
    // The mailbox is another connection: what is refused behind it tells that it was heard.
    await push(job, ['lost', { final: false, queue: 'tempest' }], ['later'])
    await until(() => served.front.stats().refusals.unknownVerb === 1)
    expect(await worker.say('fail', job.id, '{}')).toMatch(/^-FENCED /)
    expect(await worker.say('head', job.id, '[200,{"x":"old"}]')).toMatch(/^-FENCED /)
    expect(await worker.say('head', second, HEAD)).toBe('+OK')
    for (const old of [
      ['chunk', job.id, 'old', 0],
      ['answer', job.id, '[200,{},"old"]'],
      ['answer', second, '[200,{},"whole"]'],
      ['end', job.id, 0],
    ]) {
      expect(await worker.say(...old)).toMatch(/^-FENCED /)
    }
    await worker.sayAll(['chunk', second, 'new', 0], ['end', second, 1])
    await client.hears('\r\n0\r\n\r\n')
    expect(client.text).toContain('new')
    expect(client.text).not.toMatch(/old|whole/)
  })

  test('of the attempt after a loss that the mailbox has not told of yet is taken', async () => {
    const served = await direct()
    const worker = await RespClient.open(served.address)
    const { client, job } = await asks(served)
    const second = `${job.id}.2`
    expect(await worker.say('head', second, HEAD)).toBe('+OK')
    await push(job, ['lost', { final: false, queue: 'tempest' }])
    await until(() => served.front.stats().refusals.fenced === 1)
    await worker.sayAll(['chunk', second, 'new', 0], ['end', second, 1])
    await client.hears('\r\nnew\r\n0\r\n\r\n')
    expect(served.front.stats()).toMatchObject({ errors: {}, inFlight: 0 })
  })

  test('of such an attempt cuts what has begun: the rest of that will not come', async () => {
    const served = await direct()
    const worker = await RespClient.open(served.address)
    const { client, job } = await asks(served)
    await worker.sayAll(['head', job.id, HEAD], ['chunk', job.id, 'old', 0])
    await client.hears('old')
    expect(await worker.say('head', `${job.id}.2`, HEAD)).toMatch(/^-GONE /)
    await client.closed
    expect(client.text).not.toContain('\r\n0\r\n')
    expect(served.front.stats()).toMatchObject({ errors: { WORKER_LOST: 1 }, inFlight: 0 })
  })

  test('of an attempt that nobody can have made is -FENCED', async () => {
    const served = await direct()
    const worker = await RespClient.open(served.address)
    const { job } = await asks(served)
    expect(await worker.say('head', `${job.id}.4`, HEAD)).toMatch(/^-FENCED /)
    const { job: post } = await asks(
      served,
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n',
    )
    expect(await worker.say('answer', `${post.id}.2`, '[200]')).toMatch(/^-FENCED /)
  })

  test('that came is counted until its client has it or has left, or it goes on elsewhere', async () => {
    const served = await direct()
    const streams = (): unknown => served.front.stats().direct?.streams
    const [one, two] = [
      await RespClient.open(served.address),
      await RespClient.open(served.address),
    ]
    const [a, b, c] = [await asks(served), await asks(served), await asks(served)]
    for (const { job } of [a, b, c]) await one.say('head', job.id, HEAD)
    expect(streams()).toBe(3)
    await two.say('head', a.job.id, HEAD)
    expect(streams()).toBe(3)
    one.socket.destroy()
    await two.sayAll(['head', b.job.id, HEAD], ['head', c.job.id, HEAD], ['end', a.job.id, 0])
    expect(streams()).toBe(2)
    b.client.leave()
    await until(() => streams() === 1)
    await push(c.job, ['head', [200, {}]])
    await until(() => streams() === 0)
  })

  test('may go on by the mailbox, and come back', async () => {
    const served = await direct()
    const { client, job } = await asks(served)
    const worker = await RespClient.open(served.address)
    await worker.sayAll(['head', job.id, HEAD, 'my:box'], ['chunk', job.id, 'a', 0])
    await client.hears('\r\na\r\n')
    worker.socket.destroy()
    await push(job, ['head', [200, {}], 'my:box'], ['chunk', 'a', 0], ['chunk', 'b', 1])
    await client.hears('\r\nb\r\n')
    const again = await RespClient.open(served.address)
    const replies = await again.sayAll(
      ['chunk', job.id, 'b', 1],
      ['chunk', job.id, 'c', 2],
      ['end', job.id, 3],
    )
    expect(replies).toEqual(['+OK', '+OK', '+OK'])
    await client.hears('\r\n1\r\nc\r\n0\r\n\r\n')
  })

  test('of several jobs on one connection has its replies in order, whatever becomes of each', async () => {
    const served = await direct()
    const worker = await RespClient.open(served.address)
    const asked = []
    for (let n = 0; n < 3; n++) asked.push(await asks(served, get(`/${n}`)))
    const [a = '', b = '', c = ''] = asked.map(({ job }) => job.id)
    const replies = await worker.sayAll(
      ['head', a, HEAD],
      ['head', b, HEAD],
      ['chunk', a, 'a0', 0],
      ['ping', '1'],
      ['chunk', b, 'b1', 1],
      ['chunk', a, 'a1', 1],
      ['answer', c, '[200,{},"c"]'],
      ['what', c],
      ['answer', c, '[200,{},"c"]'],
      ['end', a, 2],
      ['chunk', b, 'b2', 2],
      ['ping'],
    )
    const kinds = replies.map((reply) => String(reply).split(' ')[0])
    expect(kinds).toEqual([
      ...['+OK', '+OK', '+OK', '1', '-ERR', '+OK', '+OK', '-ERR', '-GONE', '+OK', '-GONE'],
      '+PONG',
    ])
    await asked[0]?.client.hears('\r\n\r\na0a1')
    await asked[2]?.client.hears('\r\n\r\nc')
  })

  test('is refused before the password was said, and nothing of it is done', async () => {
    const served = await serveDirect({ redis: redis.url, direct: { port: 0, password: 'pw' } })
    const answer = ask(served.port)
    const job = await served.hand.pop()
    const worker = await RespClient.open(served.address)
    const replies = await worker.sayAll(
      ['answer', job.id, '[200,{},"no"]'],
      ['head', job.id, HEAD],
      ['chunk', job.id, 'no', 0],
      ['end', job.id, 0],
      ['fail', job.id, '{}'],
      ['node', 'b00t'],
      ['wait', '5'],
      ['ping'],
      ['info'],
      ['auth', 'wrong'],
      ['answer', job.id, '[200,{},"no"]'],
      ['auth', 'pw'],
      ['answer', job.id, '[200,{},"yes"]'],
    )
    expect(replies.map((reply) => String(reply).split(' ')[0])).toEqual([
      ...Array<string>(9).fill('-NOAUTH'),
      '-WRONGPASS',
      '-NOAUTH',
      '+OK',
      '+OK',
    ])
    expect((await answer).text).toBe('yes')
  })

  test('cut at every byte is the same', async () => {
    const served = await direct()
    const worker = await RespClient.open(served.address)
    const answer = ask(served.port)
    const job = await served.hand.pop()
    const bytes = Buffer.concat([
      command('head', job.id, HEAD),
      command('chunk', job.id, '\r\n$5\r\n*1', 0),
      Buffer.from(`ping "a b"\r\n`),
      command('end', job.id, 1),
    ])
    worker.socket.setNoDelay(true)
    for (const byte of bytes) {
      worker.write(Buffer.from([byte]))
      await new Promise((resolve) => setImmediate(resolve))
    }
    await worker.reply(3)
    expect(worker.heard.map(String)).toEqual(['+OK', '+OK', 'a b', '+OK'])
    expect((await answer).text).toBe('\r\n$5\r\n*1')
  })
})
