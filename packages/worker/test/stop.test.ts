/** How a worker starts and ends: what it waits for, what it puts back, and that nothing of it is left. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { elementsOf } from '../../../test/helpers/json'
import { describeWithRedis, startTestRedis, type TestRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import {
  areHandlesGone,
  clientsOf,
  handlesOfProcess,
  keysOf,
  listOf,
} from '../../../test/helpers/watch'
import { createWorker, type Job, type Worker, type WorkerOptions } from '../src/index'
import { Asker, Gate } from './asker'

describeWithRedis('a worker that starts and stops', () => {
  let redis: TestRedis
  let asker: Asker
  const workers: Worker[] = []
  const gates: Gate<unknown>[] = []

  type Handlers = Record<string, (args: unknown[], job: Job) => unknown>
  const make = (handlers: Handlers, options: Partial<WorkerOptions> = {}): Worker => {
    const worker = createWorker({ redis: redis.url, stopMs: 100, ...options })
    workers.push(worker)
    for (const [action, handler] of Object.entries(handlers)) worker.on(action, handler)
    return worker
  }
  const start = async (
    handlers: Handlers,
    options: Partial<WorkerOptions> = {},
  ): Promise<Worker> => {
    const worker = make(handlers, options)
    await worker.start()
    return worker
  }
  const gate = (): Gate<unknown> => {
    const made = new Gate<unknown>()
    gates.push(made)
    return made
  }
  const notes = (count: number, from = 0): string[] =>
    Array.from({ length: count }, (_, i) => asker.job('note', [from + i]))
  /** The asker is the only client: the thread that beat for a worker closes its connection after that has stopped. */
  const untilAlone = (): Promise<boolean> =>
    until(async () => (await clientsOf(redis)).length === 1)

  beforeAll(async () => {
    redis = await startTestRedis()
    asker = new Asker(redis)
  })
  afterEach(async () => {
    for (const each of gates.splice(0)) each.open()
    await Promise.all(workers.splice(0).map((worker) => worker.stop()))
    await redis.cli('FLUSHALL')
  })
  afterAll(() => redis.stop())

  test('finishes what runs, and leaves no held list, no record, no connection, no timer', async () => {
    await untilAlone()
    const handles = handlesOfProcess()
    const wait = gate()
    const worker = await start(
      { note: ([n]) => wait.pass(n) },
      { stopMs: 10_000, queues: ['tempest', 'b'] },
    )
    // commands, one parked for each queue, listen; and the beat, from its thread.
    await until(async () => (await clientsOf(redis)).length === 1 + 5)
    await asker.push('tempest', ...notes(5))
    await until(() => wait.entered.length === 5)
    const stopped = worker.stop()
    expect(worker.stop()).toBe(stopped)
    await asker.push('tempest', ...notes(1, 9))
    wait.open()
    await stopped
    expect(worker.stats()).toMatchObject({ state: 'stopped', running: 0, held: 0, answered: 5 })
    expect(await asker.replies(5)).toHaveLength(5)
    expect(await keysOf(redis)).toEqual(['tempest'])
    await untilAlone()
    await until(() => areHandlesGone(handles))
  })

  test('puts back what it has not begun, to where it came from, in its order', async () => {
    const begun: unknown[] = []
    const worker = await start({
      note: ([n]) => {
        begun.push(n)
        void worker.stop()
      },
    })
    const bells: string[] = []
    const listener = redis.client()
    listener.on('message', (_channel, message: string) => bells.push(message))
    await listener.subscribe('{tempest}:bell')
    const high = notes(3, 10)
    const normal = notes(4, 20)
    const low = notes(2, 30)
    // All at once, so that they are taken together; the first that is begun stops the worker.
    await asker.redis
      .multi()
      .rpush('{tempest}:high', ...high)
      .rpush('{tempest}:low', ...low)
      .rpush('tempest', ...normal)
      .publish('{tempest}:bell', 'mine')
      .exec()
    await until(() => begun.length === 1)
    await worker.stop()
    expect(begun).toHaveLength(1)
    const all = [...high, ...normal, ...low]
    const lists = [
      await listOf(redis, '{tempest}:high'),
      await listOf(redis, 'tempest'),
      await listOf(redis, '{tempest}:low'),
    ]
    const ran = asker.job('note', begun).split(',')[1]
    const rest = (jobs: string[]): string[] => jobs.filter((job) => job.split(',')[1] !== ran)
    expect(lists).toEqual([rest(high), rest(normal), rest(low)])
    expect(lists.flat()).toHaveLength(all.length - 1)
    // Workers that are parked on the normal list hear of what is in high and low again.
    await until(() => bells.length >= 2)
    listener.disconnect()
    expect(await keysOf(redis)).toEqual(
      ['tempest', asker.mailbox, '{tempest}:high', '{tempest}:low'].sort(),
    )
  })

  test('gives what it puts back to others at once, in their order', async () => {
    const mine: unknown[] = []
    const other: unknown[] = []
    const worker = await start({
      note: ([n]) => {
        mine.push(n)
        void worker.stop()
      },
    })
    await asker.push('tempest', ...notes(20))
    // Else the other one could be the first to take them.
    await until(() => mine.length === 1)
    await start({ note: ([n]) => other.push(n) }, { concurrency: 1 })
    await asker.replies(20)
    expect(mine).toEqual([0])
    expect(other).toEqual(Array.from({ length: 19 }, (_, i) => i + 1))
  })

  test('puts back a job nobody waits for whose handler did not end in time', async () => {
    const worker = await start({ note: () => new Promise(() => undefined) }, { stopMs: 50 })
    const [job = ''] = notes(1).map((raw) => raw.replace(/"[^"]*","([^"]*)"\]$/, 'null,"$1"]'))
    await asker.push('tempest', job)
    await until(() => worker.stats().running === 1)
    await worker.stop()
    expect(await listOf(redis, 'tempest')).toEqual([job])
  })

  test('lets jobs know by their signals when stopMs are over, and fails them with STOPPING', async () => {
    const reasons: string[] = []
    let isHandedOn = false
    const worker = await start(
      {
        note: (_args, job) =>
          new Promise(() => {
            job.signal.addEventListener('abort', () => reasons.push(String(job.signal.reason)))
          }),
        forwarded: async (_args, job) => {
          await job.forward('other')
          isHandedOn = true
          await new Promise(() => undefined)
        },
      },
      { stopMs: 50 },
    )
    await asker.push('tempest', ...notes(2))
    const handedOn = asker.job('forwarded')
    await asker.push('tempest', handedOn)
    await until(() => worker.stats().running === 3)
    await until(() => isHandedOn)
    await worker.stop()
    expect(reasons).toHaveLength(2)
    // Nothing is said of a job that is somebody else's by now.
    for (const reply of await asker.replies(2)) {
      expect(reply).toMatchObject({ verb: 'fail', third: { code: 'STOPPING', status: 503 } })
    }
    expect(await keysOf(redis)).toEqual(['other'])
    expect(await listOf(redis, 'other')).toEqual([handedOn])
  })

  test('puts back what ran when stopMs were over and nobody waits for: it is not done', async () => {
    const wait = gate()
    const worker = await start({ note: ([n]) => wait.pass(n) }, { stopMs: 0 })
    const job = asker.job('note', [1], { respondTo: null })
    await asker.push('tempest', job, ...notes(1))
    await until(() => wait.entered.length === 2)
    await worker.stop()
    expect(await keysOf(redis)).toEqual([asker.mailbox, 'tempest'].sort())
    expect(await listOf(redis, 'tempest')).toEqual([job])
  })

  test('is quiet at first, and can be stopped then', async () => {
    const wait = gate()
    const worker = await start({ note: ([n]) => wait.pass(n) })
    await asker.push('tempest', ...notes(1))
    await until(() => wait.entered.length === 1)
    await Promise.all([worker.quiet(), worker.quiet()])
    await asker.push('tempest', ...notes(1))
    wait.open()
    await asker.replies(1)
    await worker.stop()
    await worker.quiet()
    expect(worker.stats().state).toBe('stopped')
    expect(await keysOf(redis)).toEqual(['tempest'])
  })

  test('starts once, however often it is asked, and not after it was stopped', async () => {
    await untilAlone()
    const worker = make({ note: ([n]) => n })
    const started = worker.start()
    expect(worker.start()).toBe(started)
    await started
    // Not one more than a single start makes: commands, parked, listen, beat.
    await until(async () => (await clientsOf(redis)).length === 1 + 4)
    await worker.stop()
    await worker.stop()
    await expect(worker.start()).resolves.toBeUndefined() // the first start, which went well
    const never = make({})
    await never.stop()
    await expect(never.start()).rejects.toMatchObject({ code: 'STOPPING' })
    expect(never.stats()).toMatchObject({ state: 'stopped', boot: '' })
  })

  test('may start again and again as another: each takes up what waits', async () => {
    for (let round = 0; round < 3; round++) {
      await asker.push('tempest', ...notes(3))
      const worker = await start({ note: ([n]) => n })
      await asker.replies(3)
      await worker.stop()
      expect(await keysOf(redis)).toEqual([])
    }
  })

  test('starts before its Redis, and pops once that is there', async () => {
    await redis.kill()
    const worker = make({ note: ([n]) => n })
    const started = worker.start()
    expect(worker.stats()).toMatchObject({ state: 'running', connected: false })
    await redis.start()
    await started
    asker = new Asker(redis)
    await asker.push('tempest', ...notes(2))
    expect(await asker.replies(2)).toHaveLength(2)
  })

  test('stopped while it waits for its Redis, its start rejects with STOPPING and nothing is left', async () => {
    await redis.kill()
    const handles = handlesOfProcess()
    const worker = make({})
    const refused = expect(worker.start()).rejects.toMatchObject({ code: 'STOPPING' })
    await worker.stop()
    await refused
    await until(() => areHandlesGone(handles))
    await redis.start()
    asker = new Asker(redis)
  })

  test('does not start on a Redis that may evict: start rejects with REDIS_UNFIT', async () => {
    await redis.cli('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
    try {
      const worker = make({ note: ([n]) => n })
      await asker.push('tempest', ...notes(1))
      await expect(worker.start()).rejects.toMatchObject({
        code: 'REDIS_UNFIT',
        message: expect.stringContaining('noeviction'),
      })
      await worker.stop()
      expect(await keysOf(redis)).toEqual(['tempest'])
    } finally {
      await redis.cli('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
    }
  })

  test('puts everything right also where its connections were cut the moment before', async () => {
    for (let round = 0; round < 8; round++) {
      const wait = gate()
      const worker = await start({ note: ([n]) => wait.pass(n) }, { concurrency: 3, stopMs: 5000 })
      await asker.push('tempest', ...notes(10))
      await until(() => wait.entered.length === 3)
      const own = await asker.redis.client('ID')
      const clients = (await clientsOf(redis)).filter(({ id }) => Number(id) !== own)
      for (const [i, { id }] of clients.entries()) {
        if (round % 2 === 0 || i % 2 === 0) await redis.cli('CLIENT', 'KILL', 'ID', id)
      }
      const stopped = worker.stop()
      wait.open()
      await stopped
      const answered = (await asker.replies(3)).map(({ id }) => id)
      const back = (await listOf(redis, 'tempest')).map((raw) => elementsOf(JSON.parse(raw))[3])
      expect(answered).toHaveLength(3)
      expect(new Set([...answered, ...back]).size).toBe(10)
      expect((await keysOf(redis)).filter((key) => key !== 'tempest')).toEqual([])
      await redis.cli('FLUSHALL')
    }
  })

  test('ends within stopMs and a few seconds where Redis has gone for good', async () => {
    const wait = gate()
    const worker = await start({ note: ([n]) => wait.pass(n) }, { stopMs: 100 })
    await asker.push('tempest', ...notes(2))
    await until(() => wait.entered.length === 2)
    await redis.kill()
    await until(() => !worker.stats().connected)
    const from = performance.now()
    await worker.stop()
    expect(performance.now() - from).toBeLessThan(10_000)
    wait.open()
    expect(worker.stats().state).toBe('stopped')
    await redis.start()
    asker = new Asker(redis)
  })
})
