/** MessagePack of ours and of other languages' libraries: what one writes the other reads, and their workers serve our fronts. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createNode, decodeJob, type Node } from '@tempest/protocol'
import { createWorker } from '@tempest/worker'
import fc from 'fast-check'
import { randomBytes } from 'node:crypto'
import { pack } from '../../packages/protocol/src/wire/msgpack/pack'
import { unpack } from '../../packages/protocol/src/wire/msgpack/unpack'
import { ask } from '../../packages/front/test/client'
import { atClose, serve, useRedis } from '../../packages/front/test/serve'
import { elementsOf, fieldsOf } from '../helpers/json'
import { toTagged } from '../helpers/tagged'
import { until } from '../helpers/until'
import { describePeer, type Language, Peer } from './peer'
import { vectors as all } from './vectors'

/** Values that only our reader understands as it does. */
const ours = /old packer|key|__proto/
const vectors = all.filter(({ name, expect: { is, value } }) => {
  return is === undefined && value !== undefined && !ours.test(name)
})

/** Other libraries have seconds and nanoseconds. */
function withTimes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withTimes)
  const { $date } = fieldsOf(value)
  if (typeof $date !== 'string') return value
  const ms = Date.parse($date)
  const seconds = Math.floor(ms / 1000)
  return { $time: [seconds, (ms - seconds * 1000) * 1e6] }
}

const anything = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, false, NaN, Infinity, -Infinity),
    fc.string({ unit: 'grapheme' }),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fc.double().map((value) => (Object.is(value, -0) ? 0 : value)),
    fc.array(tie('value')),
    fc.dictionary(
      fc.string().filter((key) => !/^\$|^__proto__$/.test(key)),
      tie('value'),
    ),
  ),
})).value

/** As it comes back: a BigInt that a number can hold is a number. */
const known = (value: unknown): unknown => toTagged(unpack(pack(value)))

describePeer('Python', () => suite('Python'))
describePeer('Ruby', () => suite('Ruby'))

function suite(language: Language): void {
  const redis = useRedis()
  let peer: Peer
  beforeAll(() => {
    peer = new Peer(language)
  })
  afterAll(() => peer.stop())

  const work = async (queue: string): Promise<void> => {
    const worker = new Peer(language, 'worker', redis.url, queue)
    atClose(() => worker.stop())
    expect(await worker.line()).toBe('ready')
  }
  const askingNode = (encoding: 'json' | 'msgpack'): Node => {
    const node = createNode({ redis: redis.url, encoding })
    atClose(() => node.stop())
    return node
  }

  test.each(vectors)('understands as we do: $name', async ({ hex, expect: wanted }) => {
    expect(await peer.ask({ unpack: hex })).toEqual({ value: withTimes(wanted.value) })
  })

  test('reads whatever we write, and we read what it writes of that', async () => {
    const samples = fc.sample(anything, { numRuns: 150, seed: 7 })
    for (const value of samples) {
      const wanted = known(value)
      expect(await peer.ask({ unpack: pack(value).toString('hex') })).toEqual({ value: wanted })
      const { hex = '' } = await peer.ask({ pack: wanted })
      expect(toTagged(unpack(Buffer.from(hex, 'hex')))).toEqual(wanted)
    }
  })

  test.each([
    [
      'whole numbers of 64 bits',
      [{ $int: '18446744073709551615' }, { $int: '-9223372036854775808' }, -1],
    ],
    ['bytes', { body: { $bin: randomBytes(300).toString('hex') }, none: { $bin: '' } }],
    ['text', ['', 'a', 'é'.repeat(100), '👋'.repeat(20_000)]],
    ['nested values', { a: [{ b: [{ c: { d: [1, 2.5, null, true] } }] }] }],
  ])('writes %s as we read them', async (_name, value) => {
    const { hex = '' } = await peer.ask({ pack: value })
    expect(toTagged(unpack(Buffer.from(hex, 'hex')))).toEqual(value)
  })

  test.each([
    [0, 0],
    [1704067200, 0],
    [1704067200, 250_000_000],
    [2 ** 33, 999_000_000],
    [2 ** 35, 1_000_000],
    [-1, 500_000_000],
  ])('writes a timestamp of %i s and %i ns as we read it', async (seconds, nanoseconds) => {
    const { hex = '' } = await peer.ask({ pack: { $time: [seconds, nanoseconds] } })
    expect(unpack(Buffer.from(hex, 'hex'))).toEqual(new Date(seconds * 1000 + nanoseconds / 1e6))
  })

  test('serves a front that writes MessagePack: bytes go both ways as they are', async () => {
    await work('tempest')
    const { port, front } = await serve({ redis: redis.url, encoding: 'msgpack' })
    const body = randomBytes(64 * 1024)
    const answer = await ask(port, '/', { method: 'POST', body })
    expect(answer.status).toBe(200)
    expect(answer.body.equals(body)).toBe(true)
    const text = await ask(port, '/', { method: 'POST', body: 'héllo' })
    // Bytes of text are bytes as well.
    const kind = language === 'Python' ? 'bytes 6' : `ASCII-8BIT 6`
    expect([text.text, text.headers['x-body']]).toEqual(['héllo', kind])
    expect((await ask(port)).body).toHaveLength(0)
    expect(front.stats().refusals.malformed).toBe(0)
  })

  test('answers what a node asks', async () => {
    await work('tempest')
    const args = [7, 2n ** 64n - 1n, -(2n ** 63n), Date.now(), 0.5, 'é', Buffer.from([255]), null]
    const found = elementsOf(await askingNode('msgpack').ask('tempest', 'kinds', args))
    expect(found.slice(args.length).map(toTagged)).toEqual(args.map(toTagged))
    const [float, bytes] = language === 'Python' ? ['float', 'bytes'] : ['Float', 'String']
    const int = language === 'Python' ? 'int' : 'Integer'
    expect(found.slice(0, 7)).toEqual([
      ...[int, int, int, int, float],
      ...[language === 'Python' ? 'str' : 'String', bytes],
    ])
  })

  test('asks a worker of ours, which answers in MessagePack', async () => {
    const worker = createWorker({ redis: redis.url }).on('back', (args) => args)
    atClose(() => worker.stop())
    await worker.start()
    const args = [{ $bin: 'fffe' }, { $int: '18446744073709551615' }, { a: [1.5, 'é', null] }]
    const { hex = '' } = await peer.ask({ pack: ['back', args, 'answers', 'job-1'] })
    const job = Buffer.from(hex, 'hex')
    expect(decodeJob(job)).toMatchObject({ id: 'job-1', encoding: 'msgpack' })
    await redis.cli('RPUSH', 'tempest', job)
    const client = redis.client()
    const entry = await until(() => client.lpopBuffer('answers'))
    expect(await peer.ask({ unpack: entry.toString('hex') })).toEqual({
      value: ['answer', 'job-1', args],
    })
  })
}
