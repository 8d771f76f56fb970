/** A worker in trouble: connections are cut, scripts forgotten, memory is full, keys are taken. No job is lost, none run twice. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { elementsOf } from '../../../test/helpers/json'
import { cutAtRandom } from '../../../test/helpers/cut'
import { describeWithRedis, startTestRedis, type TestRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import { clientsOf, workKeysOf, listOf } from '../../../test/helpers/watch'
import { createWorker, type Job, type Worker, type WorkerOptions } from '../src/index'
import { Asker, Gate } from './asker'

describeWithRedis('a worker in trouble', () => {
  let redis: TestRedis
  let asker: Asker
  const workers: Worker[] = []
  const gates: Gate<unknown>[] = []

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
  const gate = (): Gate<unknown> => {
    const made = new Gate<unknown>()
    gates.push(made)
    return made
  }
  const notes = (count: number, from = 0): string[] =>
    Array.from({ length: count }, (_, i) => asker.job('note', [from + i]))
  const held = (worker: Worker): Promise<string[]> =>
    listOf(redis, `{tempest}:held:${worker.stats().boot}`)
  const isDone = async (): Promise<boolean> =>
    (await workKeysOf(redis)).every((key) => key === asker.mailbox)
  /** Cuts the worker's connections, or those that are parked only. */
  const cut = async (parked = false): Promise<void> => {
    const own = await asker.redis.client('ID')
    // Between two blocks nothing is parked.
    await until(async () => {
      let killed = 0
      for (const { id, blocked } of await clientsOf(redis)) {
        if (Number(id) === own || (parked && !blocked)) continue
        if ((await redis.cli('CLIENT', 'KILL', 'ID', id)) === 1) killed++
      }
      return killed > 0
    })
  }

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

  test.each([
    ['one queue', ['tempest']],
    ['several queues', ['tempest', 'b', 'c']],
  ])(
    'loses no job and runs none twice while its connections are cut at random: %s',
    async (_what, queues) => {
      const runs = new Map<unknown, number>()
      const handler = async ([n]: unknown[]): Promise<unknown> => {
        runs.set(n, (runs.get(n) ?? 0) + 1)
        if (Math.random() < 0.5)
          await new Promise((resolve) => setTimeout(resolve, Math.random() * 20))
        return n
      }
      const worker = await start({ note: handler }, { concurrency: 8, queues })
      const cutter = cutAtRandom(redis, [await asker.redis.client('ID')])
      const answered = new Set<unknown>()
      let asked = 0
      const collect = async (): Promise<void> => {
        const texts = (await asker.redis.lpop(asker.mailbox, 1000)) ?? []
        for (const text of texts) answered.add(elementsOf(JSON.parse(text))[2])
      }
      try {
        while (cutter.cuts < 40) {
          const jobs = notes(1 + (asked % 7), asked)
          asked += jobs.length
          const list = [...queues, '{tempest}:high'][asked % (queues.length + 1)] ?? 'tempest'
          await asker.push(list, ...jobs)
          // No faster than they are run: an empty list is what it parks on.
          await until(async () => {
            await collect()
            return asked - answered.size < 30
          }, 10_000)
        }
      } finally {
        await cutter.stop()
      }
      await until(async () => {
        await collect()
        return answered.size === asked
      }, 10_000)
      expect([...runs.values()].filter((count) => count !== 1)).toEqual([])
      expect(runs.size).toBe(asked)
      await until(isDone)
      expect(worker.stats()).toMatchObject({ held: 0, unconfirmed: 0, running: 0, waiting: 0 })
    },
  )

  test('begins a job that was moved by a call whose reply was lost', async () => {
    const worker = await start({ note: ([n]) => n })
    // As if this worker had moved it and never heard of it.
    const key = `{tempest}:held:${worker.stats().boot}`
    await asker.push(key, ...notes(3))
    await cut(true)
    expect((await asker.replies(3)).map(({ third }) => third)).toEqual([0, 1, 2])
    await until(isDone)
  })

  test('does not begin again what it runs already, nor what it has just finished', async () => {
    const wait = gate()
    const worker = await start({ note: ([n]) => wait.pass(n) })
    await asker.push('tempest', ...notes(5))
    await until(() => wait.entered.length === 5)
    for (let round = 0; round < 5; round++) {
      const before = worker.stats().pops.recoveries
      await cut()
      if (round === 3) wait.open()
      await until(() => worker.stats().pops.recoveries > before)
    }
    expect(await asker.replies(5)).toHaveLength(5)
    await until(isDone)
    expect(wait.entered).toEqual([0, 1, 2, 3, 4])
  })

  test('answers once Redis is back what was done while it was away', async () => {
    const wait = gate()
    const worker = await start({ note: ([n]) => wait.pass(n) })
    await asker.push('tempest', ...notes(3))
    await until(() => wait.entered.length === 3)
    // Persistent, so that the list survives the restart.
    await redis.cli('SAVE')
    await redis.kill()
    await until(() => !worker.stats().connected)
    wait.open()
    await until(() => worker.stats().unconfirmed === 3)
    await redis.start()
    asker = new Asker(redis)
    expect(await asker.replies(3, 10_000)).toHaveLength(3)
    await until(isDone)
    expect(wait.entered).toHaveLength(3)
  })

  test('answers once Redis is a master again what was done while it was a replica', async () => {
    const wait = gate()
    const worker = await start({ note: ([n]) => wait.pass(n) })
    await asker.push('tempest', ...notes(3))
    await until(() => wait.entered.length === 3)
    await redis.cli('REPLICAOF', '127.0.0.1', 1)
    try {
      wait.open()
      await until(() => worker.stats().unconfirmed === 3)
      await until(() => !worker.stats().connected)
    } finally {
      await redis.cli('REPLICAOF', 'NO', 'ONE')
    }
    expect(await asker.replies(3, 10_000)).toHaveLength(3)
    await until(isDone)
    expect(worker.stats()).toMatchObject({ answered: 3, undeliverable: 0 })
  })

  test('goes on when Redis has forgotten its scripts', async () => {
    await start({ note: ([n]) => n })
    for (let round = 0; round < 5; round++) {
      await redis.cli('SCRIPT', 'FLUSH')
      await asker.push('tempest', ...notes(4, round * 4))
      await asker.replies(4)
    }
    await until(isDone)
  })

  test('takes and answers on a Redis that is full, which is what makes room', async () => {
    const worker = await start({ note: ([n]) => n }, { concurrency: 4 })
    for (let from = 0; from < 200; from += 50) await asker.push('{tempest}:low', ...notes(50, from))
    const { recoveries } = worker.stats().pops
    await redis.cli('CONFIG', 'SET', 'maxmemory', 1)
    try {
      // The bell, too, is possible on a full Redis.
      await asker.redis.publish('{tempest}:bell', '')
      expect(await asker.replies(200, 10_000)).toHaveLength(200)
      await until(async () => (await held(worker)).length === 0)
      expect(worker.stats()).toMatchObject({ answered: 200, undeliverable: 0 })
      // That it may not park is no trouble: it looks again and again.
      const { parks } = worker.stats().pops
      await until(() => worker.stats().pops.parks > parks + 2)
      expect(worker.stats().pops.recoveries).toBe(recoveries)
    } finally {
      await redis.cli('CONFIG', 'SET', 'maxmemory', 0)
    }
    await asker.push('tempest', ...notes(1))
    await asker.replies(1)
  })

  test('goes on once its queue is a list again that was taken by something else', async () => {
    await redis.cli('SET', 'tempest', 'not a list')
    await start({ note: ([n]) => n })
    await asker.push('{tempest}:high', ...notes(2))
    expect(await asker.replies(2, 10_000)).toHaveLength(2)
    await redis.cli('DEL', 'tempest')
    await asker.push('tempest', ...notes(2))
    expect(await asker.replies(2, 10_000)).toHaveLength(2)
    await until(isDone)
  })

  test('leaves jobs where they are while its held list is taken by something else', async () => {
    const worker = await start({ note: ([n]) => n })
    const key = `{tempest}:held:${worker.stats().boot}`
    await redis.cli('SET', key, 'not a list')
    const jobs = notes(3)
    await asker.push('tempest', ...jobs)
    await until(async () => (await listOf(redis, 'tempest')).length === 3)
    await redis.cli('DEL', key)
    expect(await asker.replies(3, 10_000)).toHaveLength(3)
    await until(isDone)
  })

  test('goes on after everything in Redis was deleted', async () => {
    const wait = gate()
    await start({ note: ([n]) => wait.pass(n), fine: () => 'on' })
    await asker.push('tempest', ...notes(3))
    await until(() => wait.entered.length === 3)
    await redis.cli('FLUSHALL')
    await asker.push('tempest', asker.job('fine'))
    await asker.replies(1)
    wait.open()
    expect(await asker.replies(3)).toHaveLength(3)
    await asker.push('tempest', asker.job('fine'))
    await asker.replies(1)
    await until(isDone)
  })
})
