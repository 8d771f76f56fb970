/** `ask` and `push` against a worker made of plain Redis commands: what goes out, what comes back, when it ends. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { Redis } from 'ioredis'
import { getEventListeners } from 'node:events'
import { elementsOf, fieldsOf } from '../../../test/helpers/json'
import { describeWithRedis, startTestRedis, type TestRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import {
  areHandlesGone,
  callsOf,
  clientsOf,
  handlesOfProcess,
  keysOf,
  workKeysOf,
  listOf,
} from '../../../test/helpers/watch'
import { type AskingNodeOptions, createNode, type Node } from '../src/index'
import { Hand, parse } from './hand'

describeWithRedis('a node that asks', () => {
  let redis: TestRedis
  let hand: Hand
  const nodes: Node[] = []

  const make = (options: Partial<AskingNodeOptions> = {}): Node => {
    const node = createNode({ redis: redis.url, redisWaitMs: 10_000, ...options })
    nodes.push(node)
    return node
  }
  /** Collects what is published on a channel from now on. */
  const hear = async (channel: string): Promise<string[]> => {
    const heard: string[] = []
    const client = redis.client()
    client.on('message', (_channel, message) => heard.push(message))
    await client.subscribe(channel)
    return heard
  }

  beforeAll(async () => {
    redis = await startTestRedis()
    hand = new Hand(redis)
  })
  afterEach(async () => {
    await Promise.all(nodes.splice(0).map((node) => node.stop()))
    await redis.cli('FLUSHALL')
  })
  afterAll(() => redis.stop())

  test('pushes an array of exactly four, with metadata in the first argument', async () => {
    const node = make()
    const answer = node.ask('tempest', 'add', [{ a: 2, b: 3 }, 'x'], { deadlineMs: 60_000 })
    const job = await hand.pop()
    expect(job.id).toMatch(new RegExp(`^${node.boot}-[0-9a-z]+-[0-9a-f]{16}$`))
    expect(JSON.parse(job.raw)).toEqual([
      'add',
      [
        {
          a: 2,
          b: 3,
          meta: {
            v: 1,
            deadline: expect.any(Number),
            attempt: 1,
            retry: false,
            epoch: expect.stringMatching(/^[0-9a-f]{8}\.[0-9a-f]{8}$/),
            request_id: job.id,
          },
        },
        'x',
      ],
      `tempest:mailbox:${node.boot}`,
      job.id,
    ])
    const deadline = Number(/"deadline":(\d+)/.exec(job.raw)?.[1])
    expect(Math.abs(deadline - Date.now() - 60_000)).toBeLessThan(15_000)
    await hand.reply(job, ['answer', job.id, 5])
    await expect(answer).resolves.toBe(5)
  })

  test('resolves to the result as JSON carries it, in a list or published', async () => {
    const node = make()
    for (const result of [null, false, 0, '', 'ü', [], { a: [1, null] }]) {
      for (const way of ['rpush', 'publish'] as const) {
        const answer = node.ask('tempest', 'echo', [1])
        const job = await hand.pop()
        const entry = JSON.stringify(['answer', job.id, result])
        if (way === 'rpush') await hand.redis.rpush(String(job.respondTo), entry)
        else {
          const channel = String(job.respondTo)
          await until(async () => (await hand.redis.publish(channel, entry)) > 0)
        }
        await expect(answer).resolves.toEqual(result)
      }
    }
  })

  test('takes the verb url as an old alias of answer', async () => {
    const answer = make().ask('tempest', 'echo')
    const job = await hand.pop()
    await hand.reply(job, ['url', job.id, 'old'])
    await expect(answer).resolves.toBe('old')
  })

  test.each([
    ['NO_HANDLER', 501, { code: 'NO_HANDLER', status: 501, message: 'none' }],
    ['HANDLER_FAILED', 500, { message: 'it threw' }],
    ['HANDLER_FAILED', 500, {}],
    ['HANDLER_FAILED', 500, { code: 'MADE_UP', message: 'other language' }],
    ['HANDLER_FAILED', 500, { code: 'toString' }],
    ['HTTP_ERROR', 410, { code: 'HTTP_ERROR', status: 410 }],
    ['BAD_REPLY', 502, { status: 200 }],
    ['BAD_REPLY', 502, 'words'],
  ])('rejects with %s and status %d when a worker says fail %j', async (code, status, failure) => {
    const answer = make().ask('tempest', 'echo')
    const refused = expect(answer).rejects.toMatchObject({ name: 'TempestError', code, status })
    const job = await hand.pop()
    await hand.reply(job, ['fail', job.id, failure])
    await refused
  })

  test('tells its operator which job failed and why', async () => {
    const answer = make().ask('tempest', 'echo')
    const refused = expect(answer).rejects.toThrow(/job \S+-\S+-\S+ failed: disk full/)
    const job = await hand.pop()
    await hand.reply(job, ['fail', job.id, { message: 'disk full' }])
    await refused
  })

  test('rejects with DEADLINE where nobody answers, never early, and cancels the job', async () => {
    const heard = await hear('{tempest}:cancel')
    const node = make()
    // What is over before it has connected is not pushed.
    await node.push('other', 'ready')
    const began = performance.now()
    await expect(node.ask('tempest', 'slow', [{}], { deadlineMs: 120 })).rejects.toMatchObject({
      code: 'DEADLINE',
      status: 504,
    })
    expect(performance.now() - began).toBeGreaterThanOrEqual(120)
    const job = await hand.pop()
    const [message] = await until(() => heard.length > 0 && heard)
    const deadline = Number(/"deadline":(\d+)/.exec(job.raw)?.[1])
    const cancel = fieldsOf(JSON.parse(String(message)))
    expect(cancel.ids).toEqual([job.id])
    // Until when workers are to know it, since they may pop the job after its deadline.
    expect(cancel.until).toBeGreaterThanOrEqual(deadline)
    expect(node.stats().inFlight).toBe(0)
    // What comes later is counted and harmless.
    await hand.reply(job, ['answer', job.id, 'late'])
    await until(() => node.stats().refusals.late === 1)
  })

  test('rejects with CANCELLED when its signal fires, and cancels the job', async () => {
    const heard = await hear('{tempest}:cancel')
    const node = make()
    const abort = new AbortController()
    const answer = node.ask('tempest', 'slow', [], { signal: abort.signal })
    const refused = expect(answer).rejects.toMatchObject({ code: 'CANCELLED', cause: 'enough' })
    const job = await hand.pop()
    abort.abort('enough')
    await refused
    const [message] = await until(() => heard.length > 0 && heard)
    expect(JSON.parse(String(message))).toMatchObject({ ids: [job.id] })
    expect(node.stats().inFlight).toBe(0)
  })

  test('tells all cancels of a turn in one message', async () => {
    const heard = await hear('{tempest}:cancel')
    const node = make()
    const abort = new AbortController()
    const answers = [1, 2, 3].map((n) =>
      node.ask('tempest', 'slow', [n], { signal: abort.signal }).catch((error: unknown) => error),
    )
    const jobs = [await hand.pop(), await hand.pop(), await hand.pop()]
    abort.abort()
    await Promise.all(answers)
    const [message] = await until(() => heard.length > 0 && heard)
    const { ids } = fieldsOf(JSON.parse(String(message)))
    expect(elementsOf(ids).sort()).toEqual(jobs.map((job) => job.id).sort())
    expect(heard).toHaveLength(1)
  })

  test('pushes nothing where the signal fired before the turn ended, or before the call', async () => {
    const heard = await hear('{tempest}:cancel')
    const node = make()
    await node.push('other', 'ready')
    const abort = new AbortController()
    const answer = node.ask('tempest', 'slow', [], { signal: abort.signal })
    abort.abort()
    await expect(answer).rejects.toMatchObject({ code: 'CANCELLED' })
    const again = node.ask('tempest', 'slow', [], { signal: abort.signal })
    await expect(again).rejects.toMatchObject({ code: 'CANCELLED' })
    // A push behind them on the same connection: whatever they sent has arrived when it has.
    await node.push('other', 'flush')
    expect(await keysOf(redis)).toEqual(['other'])
    expect(heard).toEqual([])
  })

  test('lets go of its signal when it has ended: a signal that fires later does nothing', async () => {
    const heard = await hear('{tempest}:cancel')
    const node = make()
    const abort = new AbortController()
    const { signal } = abort
    const answer = node.ask('tempest', 'echo', [], { signal })
    await until(() => getEventListeners(signal, 'abort').length === 1)
    const job = await hand.pop()
    await hand.reply(job, ['answer', job.id, 1])
    await expect(answer).resolves.toBe(1)
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    abort.abort()
    await node.push('other', 'flush')
    expect(heard).toEqual([])
  })

  test('counts what is repeated, foreign, forged or senseless in its mailbox, and goes on', async () => {
    const node = make()
    const first = node.ask('tempest', 'echo', [1])
    const second = node.ask('tempest', 'echo', [2])
    const [one, two] = [await hand.pop(), await hand.pop()]
    const forged = one.id.replace(/[0-9a-f]{16}$/, '0123456789abcdef')
    await hand.reply(
      one,
      ['answer', one.id, 'first'],
      ['answer', one.id, 'repeated'],
      ['fail', one.id, { message: 'repeated' }],
      ['answer', forged, 'forged'],
      ['answer', `${node.boot}-zzzzzz-0123456789abcdef`, 'guessed'],
      ['answer', '0000000000000000-0-0123456789abcdef', 'of an earlier process'],
      ['answer', 17, 'a number'],
      ['answer', `${two.id}.2`, 'an attempt that was never made'],
      ['fail', `${two.id}.2`, { message: 'an attempt that was never made' }],
      ['later', two.id, {}],
      ['send', two.id, 'data', 0],
      ['pause', two.id],
      ['answer'],
      ['answer', null, 1],
      { answer: two.id },
      'words',
    )
    await hand.redis.rpush(String(one.respondTo), '', 'not JSON', Buffer.from([0xff, 0x00]))
    await hand.reply(two, ['answer', two.id, 'second'])
    await expect(Promise.all([first, second])).resolves.toEqual(['first', 'second'])
    expect(node.stats().refusals).toEqual({
      late: 4,
      foreign: 2,
      fenced: 2,
      unknownVerb: 3,
      malformed: 7,
      repeated: 0,
    })
    await until(async () => (await workKeysOf(redis)).length === 0)
  })

  test('refuses the same on its channel', async () => {
    const node = make()
    const answer = node.ask('tempest', 'echo', [1])
    const job = await hand.pop()
    const channel = String(job.respondTo)
    await until(async () => (await hand.redis.publish(channel, 'nonsense')) > 0)
    await hand.redis.publish(channel, JSON.stringify(['later', job.id]))
    await hand.redis.publish(channel, JSON.stringify(['answer', job.id, 'live']))
    await expect(answer).resolves.toBe('live')
    expect(node.stats().refusals).toMatchObject({ malformed: 1, unknownVerb: 1 })
  })

  test('gives 5,000 calls at once each its own answer, in whatever order they come', async () => {
    const node = make()
    const answers = Array.from({ length: 5000 }, (_, i) => node.ask('tempest', 'double', [i]))
    const jobs: string[] = []
    while (jobs.length < 5000) {
      jobs.push(...((await hand.redis.lpop('tempest', 1000)) ?? []))
    }
    const entries = jobs.map((raw) => {
      const { id, args } = parse(raw)
      return JSON.stringify(['answer', id, Number(args[0]) * 2])
    })
    entries.sort() // by the ids: not the order of the calls
    await hand.redis.rpush(`tempest:mailbox:${node.boot}`, ...entries)
    expect(await Promise.all(answers)).toEqual(answers.map((_, i) => i * 2))
    expect(node.stats()).toMatchObject({ inFlight: 0, heldChars: 0 })
    await until(async () => (await workKeysOf(redis)).length === 0)
  })

  test('refuses more calls than maxInFlight with IN_FLIGHT_FULL, before anything is pushed', async () => {
    const node = make({ maxInFlight: 2 })
    const open = [1, 2].map((n) => node.ask('tempest', 'echo', [n]))
    await expect(node.ask('tempest', 'echo', [3])).rejects.toMatchObject({ code: 'IN_FLIGHT_FULL' })
    const [one, two] = [await hand.pop(), await hand.pop()]
    await hand.reply(one, ['answer', one.id, 1], ['answer', two.id, 2])
    await expect(Promise.all(open)).resolves.toEqual([1, 2])
    expect(await listOf(redis, 'tempest')).toEqual([])
    const again = node.ask('tempest', 'echo', [4])
    const job = await hand.pop()
    await hand.reply(job, ['answer', job.id, 4])
    await expect(again).resolves.toBe(4)
  })

  test('pushes the calls of one turn in one RPUSH, in their order', async () => {
    const node = make()
    await node.push('other', 'ready')
    await redis.cli('CONFIG', 'RESETSTAT')
    const ids = await Promise.all(
      Array.from({ length: 12 }, (_, i) => node.push('tempest', 'a', [i])),
    )
    expect(await callsOf(redis, 'rpush')).toBe(1)
    const jobs = (await listOf(redis, 'tempest')).map(parse)
    expect(jobs.map((job) => job.args)).toEqual(ids.map((_, i) => [i]))
    expect(jobs.map((job) => job.id)).toEqual(ids)
    expect(node.stats().queues.tempest).toMatchObject({ pushed: 12, batches: 1, largestBatch: 12 })
  })

  test('pushes a thousand calls of one turn in few RPUSHes, in their order', async () => {
    const node = make()
    await node.push('other', 'ready')
    await redis.cli('CONFIG', 'RESETSTAT')
    await Promise.all(Array.from({ length: 1000 }, (_, i) => node.push('tempest', 'a', [i])))
    expect(await callsOf(redis, 'rpush')).toBeLessThanOrEqual(Math.ceil(1000 / 16))
    const jobs = (await listOf(redis, 'tempest')).map(parse)
    expect(jobs.map((job) => job.args[0])).toEqual(Array.from({ length: 1000 }, (_, i) => i))
  })

  test('ends a batch at 1 MB', async () => {
    const node = make()
    await node.push('other', 'ready')
    await redis.cli('CONFIG', 'RESETSTAT')
    const large = 'x'.repeat(400_000)
    await Promise.all(Array.from({ length: 5 }, () => node.push('tempest', 'a', [large])))
    expect(await callsOf(redis, 'rpush')).toBe(3)
    expect(await redis.cli('LLEN', 'tempest')).toBe(5)
  })

  test.each(['high', 'low'] as const)(
    'pushes to %s and then rings the bell once: who hears it finds the jobs',
    async (priority) => {
      const node = make()
      await node.push('other', 'ready')
      const listener = redis.client()
      const finder = redis.client()
      const found: Promise<number>[] = []
      listener.on('message', () => found.push(finder.llen(`{tempest}:${priority}`)))
      await listener.subscribe('{tempest}:bell')
      await Promise.all([1, 2, 3].map((n) => node.push('tempest', 'a', [n], { priority })))
      await until(() => found.length > 0)
      expect(await Promise.all(found)).toEqual([3])
      expect((await listOf(redis, `{tempest}:${priority}`)).map(parse)).toMatchObject([
        { args: [1] },
        { args: [2] },
        { args: [3] },
      ])
    },
  )

  test('rings no bell for normal jobs, on which workers park', async () => {
    const heard = await hear('{tempest}:bell')
    const node = make()
    await node.push('tempest', 'a')
    await node.push('tempest', 'b', [], { priority: 'high' })
    await until(() => heard.length > 0)
    expect(heard).toEqual([''])
  })

  test('pushes jobs nobody waits for, and resolves to their id when Redis has them', async () => {
    const node = make()
    const id = await node.push('tempest', 'add', [{ a: 1 }, 2])
    expect((await listOf(redis, 'tempest')).map((raw): unknown => JSON.parse(raw))).toEqual([
      ['add', [{ a: 1 }, 2], null, id],
    ])
    expect(node.stats()).toMatchObject({ inFlight: 0 })
  })

  test('is told REDIS_REFUSED where a queue is no list, and goes on with other queues', async () => {
    await redis.cli('SET', 'taken', 'by something else')
    const node = make()
    await expect(node.ask('taken', 'a')).rejects.toMatchObject({
      code: 'REDIS_REFUSED',
      message: expect.stringContaining('WRONGTYPE'),
    })
    await expect(node.push('taken', 'a')).rejects.toMatchObject({ code: 'REDIS_REFUSED' })
    await node.push('tempest', 'a')
    expect(node.stats()).toMatchObject({ inFlight: 0, heldChars: 0 })
  })

  test('refuses with a TypeError what can never be sent, and nothing of it is pushed', async () => {
    const node = make()
    const wrong = [
      node.ask('a:b', 'add'),
      node.ask('tempest', 'answer'),
      node.ask('tempest', 'add', [{ meta: 1 }]),
      node.ask('tempest', 'add', [() => 1]),
      node.ask('tempest', 'add', [1n]),
      node.ask('tempest', 'add', [], { deadlineMs: 0 }),
      node.push('tempest', 'fail'),
      node.push('', 'add'),
      node.push('tempest', 'add', [Symbol('s')]),
    ]
    for (const call of wrong) await expect(call).rejects.toBeInstanceOf(TypeError)
    await node.push('other', 'flush')
    expect(await keysOf(redis)).toEqual(['other'])
    expect(node.stats().inFlight).toBe(0)
  })

  test('shares Redis with other nodes: each hears its own replies', async () => {
    const [one, two] = [make(), make()]
    const answers = [one, two].map((node, i) => node.ask('tempest', 'who', [i]))
    for (const job of [await hand.pop(), await hand.pop()]) {
      await hand.reply(job, ['answer', job.id, job.args[0]])
    }
    await expect(Promise.all(answers)).resolves.toEqual([0, 1])
    expect([one.stats().refusals.foreign, two.stats().refusals.foreign]).toEqual([0, 0])
  })

  test('stops: what is open ends with STOPPING and is cancelled, nothing can be asked any more', async () => {
    const heard = await hear('{tempest}:cancel')
    const node = make()
    const answer = node.ask('tempest', 'slow')
    const refused = expect(answer).rejects.toMatchObject({ code: 'STOPPING', status: 503 })
    const job = await hand.pop()
    const stopped = node.stop()
    expect(node.stop()).toBe(stopped)
    await refused
    await stopped
    await until(() => heard.length > 0)
    expect(JSON.parse(String(heard[0]))).toMatchObject({ ids: [job.id] })
    await expect(node.ask('tempest', 'a')).rejects.toMatchObject({ code: 'STOPPING' })
    await expect(node.push('tempest', 'a')).rejects.toMatchObject({ code: 'STOPPING' })
  })

  test('stop leaves no key, no connection and nothing that keeps the process alive', async () => {
    const links = async (): Promise<number> =>
      String(await redis.cli('CLIENT', 'LIST')).split(' name=tempest:').length - 1
    // Those of the nodes before: the beat is closed by a thread that nobody waits for.
    await until(async () => (await links()) === 0)
    const clients = (await clientsOf(redis)).length
    const handles = handlesOfProcess()
    const node = make()
    await node.push('other', 'b')
    await node.ask('tempest', 'a', [], { deadlineMs: 200 }).catch(() => 'late')
    // commands, mailbox, listen; and the beat, from its thread.
    await until(async () => (await links()) === 4)
    const job = await hand.pop()
    // It arrives while nobody may read it any more, and goes with the mailbox.
    await hand.reply(job, ['answer', job.id, 'late'], ['answer', job.id, 'later'])
    await node.stop()
    expect(await keysOf(redis)).toEqual(['other'])
    await until(async () => (await clientsOf(redis)).length <= clients)
    await until(() => areHandlesGone(handles))
  })

  test('is given Redis as a URL, as options, or as an instance, which it neither uses nor closes', async () => {
    const instance = new Redis(redis.url)
    const ways = [redis.url, { host: '127.0.0.1', port: redis.port }, instance]
    await instance.ping()
    for (const way of ways) {
      const node = make({ redis: way })
      const answer = node.ask('tempest', 'echo', [1])
      const job = await hand.pop()
      await hand.reply(job, ['answer', job.id, 'ok'])
      await expect(answer).resolves.toBe('ok')
      await node.stop()
    }
    expect(instance.status).toBe('ready')
    const lines = String(await instance.client('LIST'))
    const own = String(await instance.client('ID'))
    expect(lines).toMatch(new RegExp(`id=${own} .* cmd=client`))
    await expect(instance.ping()).resolves.toBe('PONG')
    instance.disconnect()
  })

  test('uses the database its options say', async () => {
    const node = make({ redis: { host: '127.0.0.1', port: redis.port, db: 3 } })
    await node.push('tempest', 'a')
    const other = redis.client()
    await other.select(3)
    expect(await other.llen('tempest')).toBe(1)
    expect(await redis.cli('LLEN', 'tempest')).toBe(0)
  })
})
