/** What a handler is given, and what becomes of what it returns, throws or forwards; and of entries that are no jobs. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { TempestError } from '@tempest/protocol'
import { describeWithRedis, startTestRedis, type TestRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import { workKeysOf, listOf, monitor } from '../../../test/helpers/watch'
import {
  createWorker,
  HttpError,
  type Job,
  json,
  type Worker,
  type WorkerOptions,
} from '../src/index'
import { Asker, Gate } from './asker'

describeWithRedis('a job', () => {
  let redis: TestRedis
  let asker: Asker
  const workers: Worker[] = []

  type Handlers = Record<string, (args: unknown[], job: Job) => unknown>
  const start = async (
    handlers: Handlers,
    options: Partial<WorkerOptions> = {},
  ): Promise<Worker> => {
    const worker = createWorker({ redis: redis.url, stopMs: 100, ...options })
    workers.push(worker)
    for (const [action, handler] of Object.entries(handlers)) worker.on(action, handler)
    await worker.start()
    return worker
  }
  /** Nothing is queued and nothing held any more. */
  const isDone = async (): Promise<boolean> => {
    const keys = await workKeysOf(redis)
    return keys.every((key) => key === asker.mailbox)
  }

  beforeAll(async () => {
    redis = await startTestRedis()
    asker = new Asker(redis)
  })
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.stop()))
    await redis.cli('FLUSHALL')
  })
  afterAll(() => redis.stop())

  test('of one’s own is given its arguments as they were asked, without metadata', async () => {
    await start({ echo: (args) => args })
    const echoed = async (args: unknown[], meta?: object): Promise<unknown> =>
      (await asker.ask('echo', args, meta ? { meta } : {})).third
    expect(await echoed([2, 'x', null])).toEqual([2, 'x', null])
    const asked = [{ a: 1, nested: { meta: 'mine' } }, { meta: 'mine' }]
    expect(await echoed(asked, asker.meta(60_000))).toEqual(asked)
    expect(await echoed([{}], asker.meta(60_000))).toEqual([{}])
    expect(await echoed([])).toEqual([])
    await until(isDone)
  })

  test('url is given a request, and its result is a response', async () => {
    const worker = createWorker({ redis: redis.url })
    workers.push(worker)
    worker.on('url', (request) => {
      if (request.url === '/json') return json({ bytes: request.body.length }, 201)
      return { headers: { 'x-url': request.url }, body: request.body }
    })
    await worker.start()
    const request = { method: 'POST', url: '/a', headers: {}, body: { base64: '/w==' } }
    expect(await asker.ask('url', [request], { meta: asker.meta(60_000) })).toEqual({
      verb: 'answer',
      id: expect.any(String),
      third: [200, { 'x-url': '/a' }, { base64: '/w==' }],
    })
    expect(await asker.ask('url', [{ ...request, url: '/json' }])).toMatchObject({
      third: [201, { 'content-type': 'application/json' }, '{"bytes":1}'],
    })
  })

  test('knows its id, queue, attempt and deadline', async () => {
    const jobs: Job[] = []
    await start({ note: (_args, job) => void jobs.push(job) }, { queues: ['tempest', 'other'] })
    const meta = asker.meta(60_000)
    await asker.ask('note', [{}], { id: 'b-1-r', meta })
    await asker.ask('note', [{}], { id: 'b-1-r.3', meta })
    await asker.push('other', asker.job('note', [], { id: 17 }))
    await asker.replies(1)
    const { deadline } = Object(meta) as { deadline: number }
    expect(
      jobs.map(({ id, queue, attempt, deadline: until }) => [id, queue, attempt, until]),
    ).toEqual([
      ['b-1-r', 'tempest', 1, deadline],
      ['b-1-r.3', 'tempest', 3, deadline],
      ['17', 'other', 1, null],
    ])
  })

  test.each<[string, unknown, unknown]>([
    ['undefined', undefined, null],
    ['null', null, null],
    ['false', false, false],
    ['a promise', Promise.resolve(7), 7],
    ['a date', new Date(0), '1970-01-01T00:00:00.000Z'],
    ['something that can be awaited', { then: (resolve: (n: number) => void) => resolve(8) }, 8],
  ])('of one’s own answers with %s', async (_what, result, wire) => {
    await start({ act: () => result })
    expect(await asker.ask('act')).toMatchObject({ verb: 'answer', third: wire })
  })

  const circular: Record<string, unknown> = {}
  circular.self = circular

  test.each<[string, () => unknown]>([
    ['a circle', () => circular],
    ['a BigInt', () => 1n],
    ['a function', () => () => 1],
    ['a promise of a circle', () => Promise.resolve(circular)],
    [
      'something whose then throws',
      () =>
        Object.defineProperty({}, 'then', {
          get: () => {
            throw new Error('then')
          },
        }),
    ],
    ['a revoked proxy', () => revoked()],
  ])('that returns %s failed, and the worker goes on', async (_what, handler) => {
    await start({ act: handler, next: () => 'on' }, { concurrency: 1 })
    expect(await asker.ask('act')).toMatchObject({
      verb: 'fail',
      third: { code: 'HANDLER_FAILED', status: 500 },
    })
    expect(await asker.ask('next')).toMatchObject({ verb: 'answer', third: 'on' })
    await until(isDone)
  })

  const failed = (message: unknown): object => ({ code: 'HANDLER_FAILED', status: 500, message })
  const badMessage = Object.assign(new Error('x'), { message: circular })

  test.each<[string, unknown, object]>([
    ['an Error', new Error('why'), failed('why')],
    ['words', 'words', failed('words')],
    ['nothing', undefined, failed('undefined')],
    ['what has no text', Object.create(null), failed(expect.any(String))],
    ['an Error with a circle for message', badMessage, failed(expect.any(String))],
    [
      'an HttpError',
      new HttpError(410),
      { code: 'HTTP_ERROR', status: 410, message: 'status 410' },
    ],
    [
      'a TempestError',
      new TempestError('DEADLINE', 'late'),
      { code: 'DEADLINE', status: 504, message: 'late' },
    ],
  ])(
    'whose handler throws %s says so in a fail, thrown at once or later',
    async (_what, thrown, third) => {
      await start({
        now: () => {
          throw thrown
        },
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- a handler can
        later: () => Promise.reject(thrown),
        next: () => 'on',
      })
      expect(await asker.ask('now')).toMatchObject({ verb: 'fail', third })
      expect(await asker.ask('later')).toMatchObject({ verb: 'fail', third })
      expect(await asker.ask('next')).toMatchObject({ third: 'on' })
      await until(isDone)
    },
  )

  test('for whose action there is no handler fails with NO_HANDLER', async () => {
    const worker = await start({ add: () => 1 })
    for (const action of ['unknown', 'toString', '__proto__', 'url']) {
      expect(await asker.ask(action, [{ method: 'GET', url: '/' }])).toMatchObject({
        verb: 'fail',
        third: { code: 'NO_HANDLER', status: 501 },
      })
    }
    expect(worker.stats().failed).toEqual({ NO_HANDLER: 4 })
    await until(isDone)
  })

  test('url that is no request fails with BAD_REQUEST, and the worker goes on', async () => {
    const worker = createWorker({ redis: redis.url }).on('url', () => 'on')
    workers.push(worker)
    await worker.start()
    const wrong = [
      [],
      ['/'],
      [{ method: 'GET' }],
      [{ method: 'GET', url: '/', body: { base64: '?' } }],
      [{ method: 'GET', url: '/', headers: 7 }],
    ]
    for (const args of wrong) {
      expect(await asker.ask('url', args)).toMatchObject({
        verb: 'fail',
        third: { code: 'BAD_REQUEST', status: 400 },
      })
    }
    const headers = { a: [{ toString: 1, valueOf: 2 }] }
    expect(await asker.ask('url', [{ method: 'GET', url: '/', headers }])).toMatchObject({
      third: [200, expect.any(Object), 'on'],
    })
    await until(isDone)
  })

  test('nobody waits for is run, and nothing is replied; one without a handler is tried again later', async () => {
    const ran: unknown[] = []
    await start({ note: ([n]) => ran.push(n) })
    await asker.push('tempest', asker.job('note', [1], { respondTo: null }))
    await asker.push('tempest', asker.job('nothing', [], { respondTo: null }))
    await asker.push('tempest', asker.job('note', [2], { respondTo: null }))
    await until(() => ran.length === 2)
    const left = /^\{tempest\}:clock,\{tempest\}:delayed,\{tempest\}:history:[^,]*$/
    // After a second it is tried again, and stands elsewhere meanwhile.
    await until(
      async () =>
        (await redis.cli('ZCARD', '{tempest}:delayed')) === 1 &&
        left.test((await workKeysOf(redis)).join()),
    )
    await redis.cli('FLUSHALL')
  })

  test('is answered in a mailbox that is no list: given up, and the worker goes on', async () => {
    await redis.cli('SET', 'taken', 'not a list')
    const worker = await start({ echo: (args) => args })
    const lost = [1, 2, 3].map((n) => asker.job('echo', [n], { respondTo: 'taken' }))
    await asker.push('tempest', ...lost, asker.job('echo', [4]))
    expect(await asker.replies(1)).toMatchObject([{ third: [4] }])
    await until(() => worker.stats().undeliverable === 3)
    await redis.cli('DEL', 'taken')
    await until(isDone)
  })

  test('is answered together with others of its turn: one call for each mailbox', async () => {
    const worker = await start({ echo: (args) => args })
    const jobs = Array.from({ length: 32 }, (_, i) =>
      asker.job('echo', [i], { respondTo: i % 2 === 0 ? asker.mailbox : 'tempest:mailbox:other' }),
    )
    await asker.push('tempest', ...jobs)
    expect((await asker.replies(16)).map(({ third }) => third)).toEqual(
      Array.from({ length: 16 }, (_, i) => [i * 2]),
    )
    await until(async () => (await redis.cli('LLEN', 'tempest:mailbox:other')) === 16)
    // The first comes from a parked call, the rest with it or right behind it.
    expect(worker.stats().replyBatches).toBeLessThanOrEqual(6)
    expect(worker.stats().answered).toBe(32)
  })

  test('is handed on as it is by forward: whoever pops it there answers, this handler does not', async () => {
    const raw = asker.job('act', [{ a: 1 }], { meta: asker.meta(60_000), id: 'b-1-r' })
    const worker = await start({
      act: async (_args, job) => {
        await job.forward('other')
        return 'ignored'
      },
      throws: async (_args, job) => {
        await job.forward('other')
        throw new Error('ignored')
      },
    })
    await asker.push('tempest', raw)
    await until(async () => (await listOf(redis, 'other')).length === 1)
    const second = asker.job('throws')
    await asker.push('tempest', second)
    await until(() => worker.stats().forwarded === 2)
    expect(await listOf(redis, 'other')).toEqual([raw, second])
    expect(worker.stats()).toMatchObject({ answered: 0, failed: {} })
    await redis.cli('DEL', 'other')
    await until(isDone)
    expect(await listOf(redis, asker.mailbox)).toEqual([])
  })

  test('cannot be handed on to what is no queue: its handler hears of it', async () => {
    await redis.cli('SET', 'taken', 'not a list')
    await start({
      act: async (args, job) => {
        await job.forward(String(args[0]))
      },
    })
    expect(await asker.ask('act', ['a:b'])).toMatchObject({
      verb: 'fail',
      third: { code: 'HANDLER_FAILED', message: expect.stringContaining('queue name') },
    })
    expect(await asker.ask('act', ['taken'])).toMatchObject({
      verb: 'fail',
      third: { message: expect.stringContaining('WRONGTYPE') },
    })
  })

  test('stands in the held list, and nowhere else, until its reply is in the mailbox', async () => {
    const gate = new Gate<unknown>()
    const worker = await start({ wait: (args) => gate.pass(args[0]) })
    const raws = [1, 2, 3].map((n) => asker.job('wait', [n]))
    await asker.push('tempest', ...raws)
    await until(() => gate.entered.length === 3)
    const held = `{tempest}:held:${worker.stats().boot}`
    expect(await listOf(redis, held)).toEqual(raws)
    expect(await workKeysOf(redis)).toEqual([held])
    const { lines, stop } = await monitor(redis)
    gate.open()
    await asker.replies(3)
    await until(isDone)
    await until(() => lines.some((line) => /^"(lpop|lrem)" "\{tempest\}:held/i.test(line)))
    stop()
    const replied = lines.findIndex((line) =>
      line.toLowerCase().startsWith(`"rpush" "${asker.mailbox}"`),
    )
    const removed = lines.findIndex((line) => /^"(lpop|lrem)" "\{tempest\}:held/i.test(line))
    expect(replied).toBeGreaterThanOrEqual(0)
    expect(removed).toBeGreaterThan(replied)
  })
})

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}
