/** Handlers that reply piece by piece, through the mailbox, before a real front and real clients. */
import { describe, expect, test } from '@jest/globals'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { PassThrough, Readable } from 'node:stream'
import {
  createWorker,
  type HttpResult,
  type Job,
  json,
  sse,
  type UrlHandler,
  type Worker,
} from '@tempest/worker'
import { describeWithRedis } from '../../../test/helpers/redis'
import { untilStill } from '../../../test/helpers/still'
import { until } from '../../../test/helpers/until'
import { ask, get, RawClient } from '../../front/test/client'
import { atClose, serve, type Served, useRedis, work } from '../../front/test/serve'

async function* spoken(...words: (string | Uint8Array)[]): AsyncGenerator<string | Uint8Array> {
  for (const word of words) {
    await new Promise(setImmediate)
    yield word
  }
}

const ways = [
  ['through the mailbox', false],
  ['over connections of its own', ':0'],
] as const

describe.each(ways)('%s', (_way, direct) => {
  describeWithRedis('a handler that replies in pieces', () => {
    const redis = useRedis()

    const start = async (handler: UrlHandler): Promise<Served & { worker: Worker }> => {
      const served = await serve({ redis: redis.url, drainMs: 1000, direct })
      if (direct) await until(() => served.front.stats().direct?.address)
      return { ...served, worker: await work(redis.url, handler) }
    }
    const quiet = (worker: Worker): Promise<unknown> =>
      until(() => worker.stats().running === 0 && worker.stats().held === 0)

    test.each<[string, () => HttpResult | Promise<HttpResult>]>([
      ['an async iterable', () => spoken('hel', 'lo')],
      ['an iterable', () => ['hel', 'lo'].values()],
      ['a Readable', () => Readable.from([Buffer.from('hel'), Buffer.from('lo')])],
      ['a web ReadableStream', () => new Blob(['hello']).stream()],
      ['a body that is one', () => ({ body: spoken('hello') })],
      ['a promise of one', () => Promise.resolve(spoken('hello'))],
    ])('may return %s', async (_, handler) => {
      const { port, worker } = await start(handler)
      const answer = await ask(port)
      expect([answer.status, answer.text, answer.headers['content-type']]).toEqual([
        200,
        'hello',
        _ === 'a body that is one' ? undefined : 'application/octet-stream',
      ])
      await quiet(worker)
      expect(worker.stats()).toMatchObject({ answered: 1, failed: {} })
    })

    test('keeps status and headers', async () => {
      const { port } = await start(() => ({
        status: 201,
        headers: { 'x-a': ['1', '2'] },
        body: spoken('a'),
      }))
      const answer = await ask(port)
      expect([answer.status, answer.headers['x-a'], answer.text]).toEqual([201, '1, 2', 'a'])
    })

    test('may write by hand', async () => {
      const { port, worker } = await start(async (_request, job) => {
        const out = job.stream(202, { 'content-type': 'text/plain' })
        await out.write('a')
        await out.write(Buffer.from('b'))
        await out.end('c')
      })
      const answer = await ask(port)
      expect([answer.status, answer.text]).toEqual([202, 'abc'])
      await quiet(worker)
    })

    test('sends each piece as soon as it is written', async () => {
      const source = new PassThrough()
      const { port } = await start(() => source)
      const client = await RawClient.open(port)
      client.write(get('/'))
      for (const piece of ['one', 'two', 'three']) {
        source.write(piece)
        await client.hears(piece)
      }
      source.end()
      await client.hears('\r\n0\r\n\r\n')
    })

    test('frames events', async () => {
      const { port } = await start(() =>
        sse([{ event: 'a', id: '1', data: { b: 1 } }, 'two\nlines'].values()),
      )
      const answer = await ask(port)
      expect(answer.text).toBe('id: 1\nevent: a\ndata: {"b":1}\n\ndata: two\ndata: lines\n\n')
      expect(answer.headers).toMatchObject({
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-cache, no-transform',
      })
    })

    test.each<[string, UrlHandler, RegExp]>([
      [
        'throws',
        () => {
          throw new Error('secret')
        },
        /secret/,
      ],
      ['throws before the first piece', () => failing(0), /secret/],
      ['yields what is no bytes', () => [7].values() as never, /string or bytes/],
      [
        'returns beside its stream',
        (_r, job) => {
          void job.stream()
          return 'x'
        },
        /beside/,
      ],
      [
        'does not end its stream',
        (_r, job) => {
          void job.stream().write('x')
        },
        /before it had ended/,
      ],
      [
        'opens two streams',
        (_r, job) => {
          job.stream()
          job.stream()
        },
        /already/,
      ],
      [
        'has a status that cannot be',
        (_r, job) => {
          job.stream(99)
        },
        /status 99/,
      ],
      ['returns an array', () => ['a'] as never, /array/],
    ])('that %s is a 500, and the client is told nothing else', async (_, handler) => {
      const { port, worker } = await start(handler)
      const answer = await ask(port)
      expect(answer.status).toBe(500)
      expect(answer.text).not.toContain('secret')
      await quiet(worker)
      expect(worker.stats().failed).toEqual({ HANDLER_FAILED: 1 })
    })

    async function* failing(after: number, heard?: Promise<unknown>): AsyncGenerator<string> {
      for (let n = 0; n < after; n++) yield 'x'.repeat(10)
      await (heard ?? new Promise(setImmediate))
      throw new Error('secret')
    }

    test('that throws behind the first byte is cut', async () => {
      let goOn = (): void => undefined
      const heard = new Promise<void>((resolve) => (goOn = resolve))
      const { port, worker } = await start(() => failing(3, heard))
      const client = await RawClient.open(port)
      client.write(get('/'))
      // What fails before the front has sent its head has a status of its own.
      await client.hears('x'.repeat(30))
      goOn()
      await client.closed
      expect(client.text).toContain('x'.repeat(30))
      expect(client.text).not.toMatch(/\r\n0\r\n|secret/)
      await quiet(worker)
      expect(worker.stats()).toMatchObject({ answered: 0, failed: { HANDLER_FAILED: 1 } })
    })

    test('has its signal fired and its stream refused when the client leaves', async () => {
      let seen: { job: Job; thrown: unknown } | undefined
      const { port, worker } = await start(async (_request, job) => {
        const out = job.stream()
        await out.write('begun')
        await once(job.signal, 'abort')
        seen = {
          job,
          thrown: await out.write('more').then(
            () => 'taken',
            (error: unknown) => error,
          ),
        }
      })
      const client = await RawClient.open(port)
      client.write(get('/'))
      await client.hears('begun')
      client.leave()
      const { thrown } = await until(() => seen)
      expect(thrown).toMatchObject({ code: 'CANCELLED' })
      await quiet(worker)
      expect(worker.stats()).toMatchObject({ cancelled: 1, answered: 0 })
    })

    test('is left by its source when the client leaves, though that gives nothing any more', async () => {
      const source = new PassThrough()
      source.write('begun')
      const { port, worker } = await start(() => source)
      const client = await RawClient.open(port)
      client.write(get('/'))
      await client.hears('begun')
      client.leave()
      await until(() => source.destroyed)
      await quiet(worker)
    })

    test('that throws behind the end of its stream has spoilt nothing, and is logged', async () => {
      const served = await serve({ redis: redis.url, direct })
      if (direct) await until(() => served.front.stats().direct?.address)
      const logged: unknown[] = []
      const silent = (): void => undefined
      const logger = {
        debug: silent,
        info: silent,
        warn: silent,
        error: (_: object, text: string) => logged.push(text),
      }
      const worker = createWorker({ redis: redis.url, logger }).on('url', async (_, job) => {
        await job.stream().end('whole')
        throw new Error('behind the end')
      })
      atClose(() => worker.stop())
      await worker.start()
      expect((await ask(served.port)).text).toBe('whole')
      await until(() => logged.length > 0)
      expect(logged).toEqual(['a handler threw'])
      expect(worker.stats()).toMatchObject({ answered: 1, failed: {} })
    })

    test('cancels a web ReadableStream at once when the client leaves, though it waits for more', async () => {
      let cancelled = false
      const source = new ReadableStream({
        start: (controller) => controller.enqueue(Buffer.from('first')),
        // It has no more for now, as the body of an upstream that is idle.
        pull: () => new Promise(() => undefined),
        cancel: () => void (cancelled = true),
      })
      const { port, worker } = await start(() => source)
      const client = await RawClient.open(port)
      client.write(get('/'))
      await client.hears('first')
      client.leave()
      await until(() => cancelled, 5000)
      await quiet(worker)
    })

    test('ends its job where the client leaves while the last pieces are on their way', async () => {
      let returned = false
      const { port, worker, front } = await start(async (_request, job) => {
        const out = job.stream()
        for (let n = 0; n < 100; n++) await out.write(Buffer.alloc(200_000))
        void out.end()
        returned = true
      })
      const client = await RawClient.open(port)
      client.socket.pause()
      client.write(get('/'))
      await until(() => front.stats().heldBytes > 20_000)
      const stalled = await RawClient.open(port)
      stalled.socket.pause()
      stalled.write(get('/'))
      await until(() => worker.stats().running === 2)
      client.leave()
      stalled.leave()
      await quiet(worker)
      expect(worker.stats().answered).toBe(0)
      expect(returned).toBe(false)
    })

    test('ends its job where all was written and the client leaves before it was taken', async () => {
      const { port, worker, front } = await start(() => Readable.from([Buffer.alloc(8_000_000)]))
      const client = await RawClient.open(port)
      client.socket.pause()
      client.write(get('/'))
      await untilStill(() => front.stats().heldBytes || NaN)
      expect(worker.stats().running).toBe(1)
      client.leave()
      await quiet(worker)
    })

    test('has what it returns too late, or beside a status that cannot be, closed unread', async () => {
      const bodies: PassThrough[] = []
      const body = (): PassThrough => {
        const made = new PassThrough()
        bodies.push(made)
        return made
      }
      const { port, worker } = await start(async ({ url }, job) => {
        if (url === '/late') await once(job.signal, 'abort')
        return { status: url === '/late' ? 200 : 999, body: body() }
      })
      expect((await ask(port, '/')).status).toBe(500)
      const client = await RawClient.open(port)
      client.write(get('/late'))
      await until(() => worker.stats().running === 1)
      client.leave()
      await quiet(worker)
      expect(bodies.map(({ destroyed }) => destroyed)).toEqual([true, true])
      for (const each of bodies) each.emit('error', new Error('nobody’s concern'))
    })

    test('runs as fast as its client reads, and on when that does', async () => {
      let written = 0
      const { port, worker, front } = await start(async (_request, job) => {
        const out = job.stream()
        for (; written < 60; written++) await out.write(Buffer.alloc(200_000, 'x'))
        await out.end()
      })
      const client = await RawClient.open(port)
      client.socket.pause()
      client.write(get('/'))
      await until(() => front.stats().heldBytes > 20_000)
      await untilStill(() => written)
      expect(written).toBeLessThan(55)
      expect(front.stats().heldBytes).toBeLessThan(600_000)
      client.socket.resume()
      await client.hears('\r\n0\r\n\r\n', 15_000)
      expect(client.text.length).toBeGreaterThan(12_000_000)
      await quiet(worker)
    })

    test('may use its buffer again at once', async () => {
      const { port } = await start(async (_request, job) => {
        const buffer = Buffer.alloc(1000)
        const out = job.stream()
        for (let n = 0; n < 50; n++) await out.write(buffer.fill(n))
        await out.end()
      })
      const expected = Buffer.concat(Array.from({ length: 50 }, (_, n) => Buffer.alloc(1000, n)))
      expect((await ask(port)).body.equals(expected)).toBe(true)
    })

    test('goes on behind the deadline once it has begun', async () => {
      const source = new PassThrough()
      const served = await serve({ redis: redis.url, direct }, (front) =>
        // Long enough that it begins before, whoever stands still.
        front.work('tempest', { deadlineMs: 2000 }),
      )
      await work(redis.url, (_request, job) => {
        job.signal.addEventListener('abort', () => source.destroy())
        return source
      })
      const client = await RawClient.open(served.port)
      client.write(get('/'))
      const began = performance.now()
      for (let n = 0; performance.now() - began < 2400; n++) {
        source.write(`<${n}>`)
        await client.hears(`<${n}>`)
      }
      source.end('last')
      await client.hears('\r\n0\r\n\r\n')
    })

    test('that stops says so to whoever still listens', async () => {
      const source = new PassThrough()
      source.write('data: begun\n\n')
      const { port, worker } = await start(() => ({
        headers: { 'content-type': 'text/event-stream' },
        body: source,
      }))
      const client = await RawClient.open(port)
      client.write(get('/'))
      await client.hears('begun')
      await worker.stop()
      await client.closed
      expect(client.text).toContain('event: error\ndata: {"status":503,"code":"STOPPING"')
    })

    test('is for `url` only', async () => {
      const { port } = await start(() => json({}))
      expect((await ask(port)).status).toBe(200)
    })

    test('carries random bytes of every size, of many at once', async () => {
      const sums = new Map<string, string>()
      const { port } = await start(({ url }) => {
        const size = Number(url.slice(1))
        const hash = createHash('sha256')
        const pieces = Array.from({ length: 4 }, () => randomBytes(size))
        for (const piece of pieces) hash.update(piece)
        sums.set(url, hash.digest('hex'))
        return Readable.from(pieces)
      })
      const sizes = [
        1, 2, 1023, 1024, 8191, 8192, 16_384, 32_767, 32_768, 32_769, 65_536, 131_073, 262_145,
      ]
      const answers = await Promise.all(sizes.map((size) => ask(port, `/${size}`)))
      const heard = answers.map(({ body }) => createHash('sha256').update(body).digest('hex'))
      expect(heard).toEqual(sizes.map((size) => sums.get(`/${size}`)))
    })
  })
})

describeWithRedis('a worker that does not know the password of a front', () => {
  const redis = useRedis()

  test('replies through the mailbox, and says why, but not what it tried', async () => {
    const terms = { redis: redis.url, direct: { port: 0, password: 'right' } }
    const served = await serve(terms)
    await until(() => served.front.stats().direct?.address)
    const logged: unknown[] = []
    const silent = (): void => undefined
    const warn = (fields: object, text: string): void => void logged.push({ ...fields, text })
    const logger = { debug: silent, info: silent, warn, error: silent }
    const options = { redis: redis.url, logger, direct: { password: 'geheim' } }
    const worker = createWorker(options).on('url', () => spoken('hel', 'lo'))
    atClose(() => worker.stop())
    await worker.start()
    expect((await ask(served.port)).text).toBe('hello')
    await until(() => logged.length > 0)
    expect(logged).toMatchObject([
      { direct: served.front.stats().direct?.address, reason: expect.stringMatching(/^WRONGPASS/) },
    ])
    expect(JSON.stringify(logged)).not.toContain('geheim')
  })
})
