/** Whatever bytes come to the direct listener, in whatever pieces: no crash, no bytes kept, only RESP said, and others are not disturbed. */
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { describeWithRedis } from '../../../../test/helpers/redis'
import { until } from '../../../../test/helpers/until'
import { ask, get, RawClient } from '../client'
import { useRedis } from '../serve'
import { command, type Direct, HEAD, RespClient, serveDirect } from './resp'

/** Conversations as they are held, about a job. */
const corpus = (id: string): Buffer[] => [
  Buffer.concat([
    ...[command('hello', 3), command('client', 'setinfo', 'lib-name', 'x'), command('node', 'w')],
    ...[command('wait', 50), command('head', id, HEAD, 'box'), command('chunk', id, 'a\r\nb', 0)],
    ...[command('chunk', id, '$5\r\n*1\r\n', 1), command('end', id, 2), command('quit')],
  ]),
  Buffer.concat([
    ...[command('AUTH', 'default', 'x'), command('SELECT', 1), command('PING', 'x'.repeat(300))],
    command('answer', id, JSON.stringify([200, { 'x-a': ['b', 'c'] }, { base64: 'AAECAw==' }])),
  ]),
  Buffer.concat([
    ...[command('info'), command('command', 'docs'), command('fail', id, '{"status":418}')],
    ...[command('reset'), command('role'), command('config', 'get', 'save'), command('time')],
  ]),
  Buffer.from(
    `info\r\nPING "a\\x00\\n\\"" \r\n head ${id} '[200,{}]'\nchunk ${id} 'it\\'s' 0\r\n\r\n*0\r\n*-1\r\nend ${id} 1\r\nquit\r\n`,
  ),
]

type Trick = [kind: number, at: number, byte: number, length: number]
const tricks = fc.array(fc.tuple(fc.nat(5), fc.nat(), fc.nat(255), fc.nat(40)), { maxLength: 4 })
const pieces = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 12 })

function mutate(bytes: Buffer, [kind, where, byte, length]: Trick): Buffer {
  const at = where % (bytes.length + 1)
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)]
  const digits = Buffer.from(String(byte * 10 ** (length % 12)))
  switch (kind) {
    case 0: // another byte
      return Buffer.concat([before, Buffer.from([byte]), after.subarray(1)])
    case 1: // bytes lost
      return Buffer.concat([before, after.subarray(length)])
    case 2: // bytes twice
      return Buffer.concat([before, after.subarray(0, length), after])
    case 3: // noise
      return Buffer.concat([before, Buffer.alloc(length, byte), after])
    case 4: // another length
      return Buffer.concat([before, digits, after])
    default: // the end
      return before
  }
}

describeWithRedis('the direct listener', () => {
  const redis = useRedis()
  const direct = (options = {}) => serveDirect({ redis: redis.url, ...options })

  async function write(client: RespClient, bytes: Buffer, sizes: readonly number[]): Promise<void> {
    client.socket.setNoDelay(true)
    for (let at = 0, i = 0; at < bytes.length; i++) {
      const size = sizes[i % sizes.length] ?? 1
      client.write(bytes.subarray(at, at + size))
      at += size
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  /** Nothing is left of the others but this one. */
  async function isAlone({ front }: Direct, witness: RespClient): Promise<void> {
    expect(await witness.say('ping', 'still')).toEqual(Buffer.from('still'))
    await until(() => front.stats().direct?.connections === 1)
    expect(front.stats().direct).toMatchObject({ connections: 1, bytes: 0 })
  }

  test('withstands conversations about an open job that have gone wrong anywhere, in any pieces', async () => {
    const served = await direct()
    const witness = await RespClient.open(served.address)
    await fc.assert(
      fc.asyncProperty(
        fc.nat(3),
        tricks,
        pieces,
        fc.boolean(),
        async (which, wrong, sizes, half) => {
          const http = await RawClient.open(served.port)
          http.write(get('/'))
          const job = await served.hand.pop()
          const bytes = wrong.reduce(mutate, corpus(job.id)[which] ?? Buffer.alloc(0))
          const client = await RespClient.open(served.address)
          await write(client, bytes, sizes)
          if (half) client.socket.end()
          else client.socket.destroy()
          await client.closed
          await job.answer([200, {}, 'by mailbox'])
          await isAlone(served, witness)
          http.leave()
          await until(() => served.front.stats().inFlight === 0)
        },
      ),
      { numRuns: 80 },
    )
    const answer = ask(served.port)
    const { id } = await served.hand.pop()
    expect(await witness.say('answer', id, '[200,{},"well"]')).toBe('+OK')
    expect((await answer).text).toBe('well')
    await until(() => served.front.stats().heldBytes === 0)
  })

  test('withstands garbage, before the password and after it', async () => {
    for (const password of [undefined, 'pw']) {
      const served = await direct({ direct: { port: 0, password } })
      const witness = await RespClient.open(served.address)
      if (password !== undefined) await witness.say('auth', password)
      const some = fc.oneof(
        fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes)),
        fc.string({ maxLength: 500 }).map((text) => Buffer.from(text)),
        fc
          .array(
            fc.constantFrom(
              '*',
              '$',
              '-',
              '1',
              '9',
              '\r\n',
              '\n',
              '"',
              "'",
              '\\x',
              ' ',
              'head',
              'a',
            ),
          )
          .map((words) => Buffer.from(words.join(''))),
      )
      await fc.assert(
        fc.asyncProperty(some, pieces, async (bytes, sizes) => {
          const client = await RespClient.open(served.address)
          // Many pieces of little: most of it in one, the rest as it comes.
          await write(client, bytes, [Math.max(1, bytes.length >> 2), ...sizes])
          client.socket.end()
          await client.closed
          await isAlone(served, witness)
        }),
        { numRuns: 60 },
      )
    }
  })

  test('hears the same wherever a conversation is cut in two', async () => {
    const served = await direct()
    const [bytes = Buffer.alloc(0)] = corpus('nobody')
    const whole = await RespClient.open(served.address)
    whole.write(bytes)
    await whole.closed
    const kinds = ({ heard }: RespClient): string[] =>
      heard.map((each) => (Array.isArray(each) ? 'hello' : String(each)))
    expect(kinds(whole)).toHaveLength(9)
    for (let at = 1; at < bytes.length; at += 20) {
      const some = Array.from({ length: Math.min(20, bytes.length - at) }, async (_, i) => {
        const client = await RespClient.open(served.address)
        client.write(bytes.subarray(0, at + i))
        await new Promise((resolve) => setImmediate(resolve))
        await new Promise((resolve) => setImmediate(resolve))
        client.write(bytes.subarray(at + i))
        await client.closed
        expect(kinds(client)).toEqual(kinds(whole))
      })
      await Promise.all(some)
    }
  })

  test.each([
    ['a huge count', '*99999999\r\n'],
    ['a count beyond all numbers', `*${'9'.repeat(400)}\r\n`],
    ['a huge length', '*2\r\n$4\r\nPING\r\n$99999999999\r\n'],
    ['a length a little too large', '*1\r\n$16777217\r\n'],
    ['a negative length', '*1\r\n$-1\r\n'],
    ['20,000 nested arrays', '*1\r\n'.repeat(20_000)],
    ['a line that never ends', 'x'.repeat(70_000)],
    ['a length that never ends', '*0000000000000000000000'],
    ['a bulk longer than said', '*1\r\n$4\r\nPINGPING\r\n'],
    ['a reply instead of a command', '*1\r\n+OK\r\n'],
    ['quotes that do not end', 'PING "a\r\n'],
    ['too many words', 'a '.repeat(100) + '\n'],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n'.repeat(10) + '"\n'],
  ])('says what is wrong and hangs up: %s', async (_, bytes) => {
    const served = await direct()
    const witness = await RespClient.open(served.address)
    const client = await RespClient.open(served.address)
    client.write(Buffer.from(bytes, 'latin1'))
    client.write('\r\nPING\r\n')
    await client.closed
    expect(client.heard.at(-1)).toMatch(/^-ERR Protocol error: /)
    expect(client.heard).not.toContain('+PONG')
    await isAlone(served, witness)
  })

  test.each<[string, (id: string, deep: string) => string[]]>([
    ['answer', (id, deep) => ['answer', id, deep]],
    ['the body of an answer', (id, deep) => ['answer', id, `[200,{},${deep}]`]],
    ['the headers of an answer', (id, deep) => ['answer', id, `[200,${deep},""]`]],
    ['head', (id, deep) => ['head', id, deep]],
    ['a header', (id, deep) => ['head', id, `[200,{"x":${deep}}]`]],
    ['fail', (id, deep) => ['fail', id, deep]],
    ['the message of a failure', (id, deep) => ['fail', id, `{"message":${deep}}`]],
  ])('takes JSON that is nested 20,000 deep for a bad reply at the worst: %s', async (_, words) => {
    const served = await direct()
    const witness = await RespClient.open(served.address)
    for (const deep of [
      '['.repeat(20_000) + ']'.repeat(20_000),
      '{"a":'.repeat(20_000) + '1' + '}'.repeat(20_000),
      '['.repeat(20_000),
    ]) {
      const answer = ask(served.port)
      const { id } = await served.hand.pop()
      expect(await witness.say(...words(id, deep))).toMatch(/^(\+OK|-ERR )/)
      // Where it was no reply at all, the job waits still.
      await witness.say('answer', id, '[200,{},"after all"]')
      expect([200, 500, 502]).toContain((await answer).status)
    }
    await isAlone(served, witness)
    expect(served.front.stats()).toMatchObject({ inFlight: 0, heldBytes: 0 })
  })

  test.each([
    '[{"toString":1,"valueOf":1},{}]',
    '[[{"toString":1}],{}]',
    '[200,{"content-type":{"toString":1}}]',
    '[200,{"content-length":{"toString":1}}]',
    '[200,{"x-request-id":{"toString":1}}]',
    '[200,{"set-cookie":[{"toString":1}]}]',
    '[200,{"connection":{"toString":1}}]',
    '[200,{"__proto__":{"toString":1}}]',
    '[200,{"toString":1}]',
    '[200,{"":"x"}]',
    '{"0":200,"1":{},"length":2}',
    '[]',
    'null',
  ])(
    'takes a head or an answer that cannot be text for a bad reply at the worst, by any way: %s',
    async (json) => {
      const served = await direct()
      const witness = await RespClient.open(served.address)
      const answer = (id: string): Promise<unknown> =>
        witness.say('answer', id, '[200,{},"after all"]')
      const ways: ((id: string, push: (entry: string) => unknown) => unknown)[] = [
        (id) => witness.say('head', id, json),
        (id) => witness.say('answer', id, json),
        (id) => witness.say('fail', id, json),
        (id, push) => push(`["head","${id}",${json}]`),
        (id, push) => push(`["answer","${id}",${json}]`),
      ]
      for (const way of ways) {
        const asked = ask(served.port)
        const job = await served.hand.pop()
        await way(job.id, job.push)
        if (/^-FENCED/.test(String(await answer(job.id)))) await witness.say('end', job.id, 0)
        expect([200, 500, 502]).toContain((await asked).status)
      }
      await isAlone(served, witness)
    },
  )

  test('is there for others while one says a byte at a time, and another reads nothing', async () => {
    const served = await direct()
    const witness = await RespClient.open(served.address)
    const deaf = await RespClient.open(served.address)
    deaf.socket.pause()
    deaf.write(command('echo', Buffer.alloc(8_000_000)))
    deaf.write('info\r\n'.repeat(100_000))
    const loris = await RespClient.open(served.address)
    for (const byte of command('chunk', 'nobody', 'x'.repeat(200), 0)) {
      loris.write(Buffer.from([byte]))
      expect(await witness.say('ping')).toBe('+PONG')
    }
    expect(await loris.reply(0)).toMatch(/^-GONE /)
    deaf.socket.destroy()
    loris.socket.destroy()
    await isAlone(served, witness)
  })
})
