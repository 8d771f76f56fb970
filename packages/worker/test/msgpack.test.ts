/** Jobs in MessagePack: handlers see what they would see of JSON, replies go in the encoding of their job, and nothing is lost of either. */
import { describe, expect, test } from '@jest/globals'
import { createNode, decodeJob, type Node } from '@tempest/protocol'
import { createWorker, HttpError, type HttpRequest, type Worker } from '@tempest/worker'
import { Packr, Unpackr } from 'msgpackr'
import { describeWithRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import { atClose, useRedis } from '../../front/test/serve'

/** Of another program: it knows nothing of the sources under test. */
const packr = new Packr({ useRecords: false, variableMapSize: true })
const unpackr = new Unpackr({ useRecords: false })
const bytes = Buffer.from('fffe00ff', 'hex')
const meta = { v: 1, deadline: 2 ** 41, attempt: 1, retry: true, epoch: '', request_id: 'r-1' }

describeWithRedis('a worker', () => {
  const redis = useRedis()
  const start = async (set: (worker: Worker) => unknown): Promise<Worker> => {
    const worker = createWorker({ redis: redis.url, stopMs: 0 })
    set(worker)
    atClose(() => worker.stop())
    await worker.start()
    return worker
  }
  const node = (encoding: 'json' | 'msgpack' = 'msgpack'): Node => {
    const made = createNode({ redis: redis.url, encoding })
    atClose(() => made.stop())
    return made
  }
  const push = (job: unknown[] | Buffer): Promise<unknown> =>
    redis.cli('RPUSH', 'tempest', Buffer.isBuffer(job) ? job : packr.pack(job))
  /** The next entries of the list `answers`, as they are. */
  const entries = async (count: number): Promise<Buffer[]> => {
    const client = redis.client()
    await until(async () => (await client.llen('answers')) >= count)
    return client.lrangeBuffer('answers', 0, -1)
  }
  const replied = async (): Promise<unknown> => unpackr.unpack((await entries(1))[0] ?? bytes)
  const isQuiet = async (): Promise<void> => {
    const { length } = await until(async () => {
      const keys = await redis.client().keys('{tempest}:held:*')
      return keys.length === 0 ? keys : undefined
    })
    expect(length).toBe(0)
  }

  test('gives a handler the same request in either encoding, and its body may be written into', async () => {
    const seen: HttpRequest[] = []
    await start((worker) =>
      worker.on('url', (request) => {
        seen.push({ ...request, body: Buffer.from(request.body) })
        request.body.fill(0)
        return request.body
      }),
    )
    const first = { method: 'POST', url: '/a', headers: { a: 'b', c: ['d'] }, remote: '::1', meta }
    const body = { base64: bytes.toString('base64') }
    await push(['url', [{ ...first, body: bytes }], 'answers', 'x-1'])
    await push(Buffer.from(JSON.stringify(['url', [{ ...first, body }], 'answers', 'x-2'])))
    const [one, two] = (await entries(2)).sort((a, b) => Buffer.compare(b, a))
    expect(unpackr.unpack(one ?? bytes)).toEqual([
      'answer',
      'x-1',
      [200, { 'content-type': 'application/octet-stream' }, Buffer.alloc(4)],
    ])
    expect(String(two)).toContain('["answer","x-2",[200,')
    expect(seen[0]).toEqual(seen[1])
    expect(seen[0]?.body.equals(bytes)).toBe(true)
    await isQuiet()
  })

  test('takes a body in a str, as old packers write it', async () => {
    await start((worker) => worker.on('url', (request) => request.body))
    const job = packr.pack(['url', [{ method: 'POST', url: '/', body: bytes }], 'answers', 'x'])
    // c4 04: bin of four bytes; a4: str of four bytes.
    const at = job.indexOf(Buffer.from('c404', 'hex'))
    await push(Buffer.concat([job.subarray(0, at), Buffer.from([0xa4]), job.subarray(at + 2)]))
    expect(await replied()).toMatchObject(['answer', 'x', [200, {}, bytes]])
  })

  test.each([
    ['text', 'é', [200, { 'content-type': 'text/plain; charset=utf-8' }, Buffer.from('é')]],
    ['bytes', new Uint8Array(bytes), [200, { 'content-type': 'application/octet-stream' }, bytes]],
    [
      'a response',
      { status: 201, headers: { a: 1, b: undefined, c: ['d'] } },
      [201, { a: 1, c: ['d'] }, Buffer.alloc(0)],
    ],
    ['a response of bytes', { body: bytes }, [200, {}, bytes]],
  ])('answers %s with bytes as a body', async (_name, result, wanted) => {
    await start((worker) => worker.on('url', () => result))
    await push(['url', [{ method: 'GET', url: '/' }], 'answers', 'x'])
    expect(await replied()).toEqual(['answer', 'x', wanted])
  })

  test.each<[string, unknown]>([
    ['a status that is none', { status: 99 }],
    ['headers that are none', { headers: new Map() }],
    ['headers beyond 1 MiB', { headers: { a: 'x'.repeat(2 ** 20) } }],
    ['a body that is none', { body: 5 }],
    ['an array', [1]],
  ])('fails where its handler returns %s', async (_name, result) => {
    await start((worker) => worker.on('url', () => result as string))
    await push(['url', [{ method: 'GET', url: '/' }], 'answers', 'x'])
    expect(await replied()).toMatchObject(['fail', 'x', { code: 'HANDLER_FAILED', status: 500 }])
  })

  test('sends a failure, and what it cannot do, in MessagePack too', async () => {
    await start((worker) =>
      worker.on('url', () => {
        throw new HttpError(409, 'row 7 \ud800')
      }),
    )
    await push(['url', [{ method: 'GET', url: '/' }], 'answers', 'x-1'])
    await push(['sub', [], 'answers', 'x-2'])
    await push(['url', [{ method: 'GET', url: 5 }], 'answers', 'x-3'])
    await push(['sub', 5, 'answers', 'x-4'])
    const all = (await entries(4)).map((entry): unknown => unpackr.unpack(entry))
    expect(all).toHaveLength(4)
    expect(all).toEqual(
      expect.arrayContaining([
        ['fail', 'x-1', { code: 'HTTP_ERROR', status: 409, message: 'row 7 \ufffd' }],
        ['fail', 'x-2', expect.objectContaining({ code: 'NO_HANDLER' })],
        ['fail', 'x-3', expect.objectContaining({ code: 'BAD_REQUEST' })],
        ['fail', 'x-4', expect.objectContaining({ message: 'malformed job: args' })],
      ]),
    )
    await isQuiet()
  })

  test('streams to a job in MessagePack with its bytes as they are', async () => {
    async function* spoken(): AsyncGenerator<string | Buffer> {
      yield bytes
      await new Promise(setImmediate)
      yield 'é'
    }
    await start((worker) => worker.on('url', () => spoken()))
    await push(['url', [{ method: 'GET', url: '/', meta }], 'answers', 'x'])
    const [head, ...rest] = (await entries(4)).map((entry): unknown => unpackr.unpack(entry))
    expect(head).toEqual([
      'head',
      'x',
      [200, { 'content-type': 'application/octet-stream' }],
      expect.stringMatching(/^tempest:mailbox:/),
    ])
    expect(rest).toEqual([
      ['chunk', 'x', bytes, 0],
      ['chunk', 'x', Buffer.from('é'), 1],
      ['end', 'x', 2],
    ])
  })

  test('carries what a node asks and what its handler returns', async () => {
    await start((worker) => worker.on('back', (args: unknown) => args))
    const given = [
      { bytes, undefined: undefined, at: new Date(5) },
      ...[2n ** 64n - 1n, -(2n ** 63n), 2 ** 53 - 1, -0.5, NaN, 'é\ud800', [[[{}]]]],
    ]
    const back = await node().ask('tempest', 'back', given)
    const at = '1970-01-01T00:00:00.005Z'
    expect(back).toEqual([
      { bytes, at },
      ...[2n ** 64n - 1n, -(2n ** 63n), 2 ** 53 - 1, -0.5, NaN, 'é\ufffd', [[[{}]]]],
    ])
    // What a job says of itself stays hidden.
    expect(Object.keys((back as object[])[0] ?? {})).toEqual(['bytes', 'at'])
  })

  test.each([
    ['json', 'Do not know how to serialize a BigInt'],
    ['msgpack', ''],
  ] as const)('in %s may return a BigInt or fails: %s', async (encoding, reason) => {
    await start((worker) => worker.on('large', () => 2n ** 60n))
    const asked = node(encoding).ask('tempest', 'large', [])
    if (reason === '') await expect(asked).resolves.toBe(2n ** 60n)
    else await expect(asked).rejects.toThrow(reason)
  })

  test('puts what is no job aside, byte for byte', async () => {
    const bad = ['94a3616464c1c0c0', '94a361646490c0', 'ddffffffff', '93a16190c0', '9490c0c0a178']
    const raws = bad.map((hex) => Buffer.from(hex, 'hex'))
    await start((worker) => worker.on('add', () => 1))
    for (const raw of raws) await push(raw)
    const client = redis.client()
    await until(async () => (await client.llen('{tempest}:dead')) === raws.length)
    const kept = await client.lrangeBuffer('{tempest}:dead', 0, -1)
    expect(kept.map((raw) => raw.toString('hex')).sort()).toEqual([...bad].sort())
    const dead = node().dead('tempest')
    for (const { key, reason } of await dead.list()) {
      expect(reason).toBe('MALFORMED')
      expect(await dead.requeue(key)).toBe(true)
    }
    // They came back as they were, and were put aside again.
    await until(async () => (await client.llen('{tempest}:dead')) === raws.length)
    await isQuiet()
  })

  describe.each(['json', 'msgpack'] as const)('a job in %s that nobody waits for', (encoding) => {
    test('is tried again later, and after its last attempt kept with its bytes until it is put back', async () => {
      const runs: [number, unknown[]][] = []
      let fails = true
      await start((worker) =>
        worker.on('do', (args: unknown[], job) => {
          runs.push([job.attempt, args])
          if (fails) throw new Error('as it was told')
        }),
      )
      const made = node(encoding)
      const args = [{ a: 1.5 }, 'é', encoding === 'json' ? 'ff' : bytes]
      const id = await made.push('tempest', 'do', args, { maxAttempts: 2 })
      const dead = made.dead('tempest')
      const [entry] = await until(async () => {
        const found = await dead.list()
        return found.length > 0 ? found : undefined
      })
      expect(runs).toEqual([
        [1, args],
        [2, args],
      ])
      expect(entry).toMatchObject({ reason: 'HANDLER_FAILED', id: `${id}.2`, action: 'do' })
      expect(entry?.history.map(({ attempt }) => attempt)).toEqual([1, 2])
      const job = entry?.job ?? ''
      const raw = typeof job === 'string' ? Buffer.from(job) : Buffer.from(job.base64, 'base64')
      expect(typeof job).toBe(encoding === 'json' ? 'string' : 'object')
      expect(decodeJob(raw)).toMatchObject({ args, id: `${id}.2` })
      expect(await dead.show(entry?.key ?? '')).toEqual(entry)
      fails = false
      expect(await dead.requeue(entry?.key ?? '')).toBe(true)
      await until(() => runs.length === 3)
      expect(runs[2]).toEqual([2, args])
      await isQuiet()
      expect(await dead.list()).toEqual([])
    })

    test('may be due later', async () => {
      const runs: unknown[] = []
      await start((worker) => worker.on('do', (args: unknown) => void runs.push(args)))
      const args = [
        encoding === 'json' ? 'x' : Buffer.from(Array.from({ length: 256 }, (_, n) => n)),
      ]
      await node(encoding).push('tempest', 'do', args, { delayMs: 50, priority: 'high' })
      await until(() => runs.length === 1)
      expect(runs).toEqual([args])
    })
  })

  test('hands a job on as it is', async () => {
    await start((worker) => worker.on('do', (_args, job) => job.forward('other')))
    const raw = packr.pack(['do', [bytes], null, 'x'])
    await push(raw)
    const [, forwarded] = (await redis.client().blpopBuffer('other', 5)) ?? []
    expect(forwarded?.equals(raw)).toBe(true)
  })
})
