/** Which jobs a worker takes, how many, in which order, and what wakes it. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { describeWithRedis, startTestRedis, type TestRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import { clientsOf, listOf } from '../../../test/helpers/watch'
import { createWorker, type Job, type Worker, type WorkerOptions } from '../src/index'
import { Asker, Gate } from './asker'

describeWithRedis('a worker that pops', () => {
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
  const held = (worker: Worker, queue = 'tempest'): Promise<string[]> =>
    listOf(redis, `{${queue}}:held:${worker.stats().boot}`)
  const isParked = async (): Promise<boolean> =>
    (await clientsOf(redis)).some(({ cmd, blocked }) => cmd === 'blmove' && blocked)
  /** `count` jobs whose only argument is their number, from this one on. */
  const notes = (count: number, from = 0, name = ''): string[] =>
    Array.from({ length: count }, (_, i) => asker.job('note', [name === '' ? from + i : name]))
  /** Pushes to a priority as nodes do: first the jobs, then the bell. */
  const pushAndRing = async (priority: 'high' | 'low', ...jobs: string[]): Promise<void> => {
    await asker.redis
      .multi()
      .rpush(`{tempest}:${priority}`, ...jobs)
      .publish('{tempest}:bell', '')
      .exec()
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

  test('runs no more than its concurrency at once, and all of them in the end', async () => {
    let running = 0
    let most = 0
    const handler = async ([n]: unknown[]): Promise<unknown> => {
      most = Math.max(most, ++running)
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 3))
      running--
      return n
    }
    await start({ note: handler }, { concurrency: 5 })
    for (let from = 0; from < 300; from += 50) await asker.push('tempest', ...notes(50, from))
    const replies = await asker.replies(300)
    expect(most).toBe(5)
    const answers = replies.map(({ third }) => Number(third)).sort((a, b) => a - b)
    expect(answers).toEqual(answers.map((_, i) => i))
  })

  test('holds no more jobs than it has slots: the others stay where other workers find them', async () => {
    const wait = gate()
    const worker = await start({ note: ([n]) => wait.pass(n) }, { concurrency: 4 })
    const jobs = notes(20)
    await asker.push('tempest', ...jobs)
    await until(() => wait.entered.length === 4)
    await pushAndRing('high', ...notes(2, 100))
    await asker.push('tempest', ...notes(1, 200))
    expect(await held(worker)).toEqual(jobs.slice(0, 4))
    expect((await listOf(redis, 'tempest')).length).toBe(17)
    wait.pulse()
    await until(() => wait.entered.length === 8)
    expect(wait.entered.slice(4, 6)).toEqual([100, 101])
    expect(await held(worker)).toHaveLength(4)
  })

  test('holds no more jobs than it has slots with several queues, also where it waits for all of them', async () => {
    const queues = ['tempest', 'b', 'c', 'd']
    for (let round = 0; round < 10; round++) {
      const wait = gate()
      const worker = await start({ note: ([n]) => wait.pass(n) }, { concurrency: 2, queues })
      await until(isParked)
      // All at the same moment.
      const pushes = asker.redis.multi()
      for (const queue of queues) pushes.rpush(queue, ...notes(3))
      await pushes.exec()
      await until(() => wait.entered.length === 2)
      const lengths = async (): Promise<number[]> =>
        Promise.all(queues.map(async (queue) => (await listOf(redis, queue)).length))
      // What came beyond the slots goes back to its queue at once, not when a slot is free.
      await until(async () => (await lengths()).reduce((a, b) => a + b) === 10)
      const all = await Promise.all(queues.map((queue) => held(worker, queue)))
      expect(all.flat()).toHaveLength(2)
      wait.open()
      await worker.stop()
      await redis.cli('FLUSHALL')
    }
  })

  test('shares with others what waits: each gets some', async () => {
    const waits = [gate(), gate(), gate()]
    for (const wait of waits) await start({ note: ([n]) => wait.pass(n) })
    await until(
      async () => (await clientsOf(redis)).filter((client) => client.blocked).length === 3,
    )
    await asker.push('tempest', ...notes(30))
    await until(() => waits.reduce((sum, wait) => sum + wait.entered.length, 0) === 30)
    for (const wait of waits) expect(wait.entered.length).toBeGreaterThan(0)
    const all = waits.flatMap((wait) => wait.entered).map(Number)
    expect(all.sort((a, b) => a - b)).toEqual(all.map((_, i) => i))
  })

  test('takes high before normal before low, each in its order', async () => {
    const wait = gate()
    await start({ note: ([n]) => wait.pass(n) }, { concurrency: 1 })
    await asker.push('tempest', ...notes(1, 0, 'first'))
    await until(() => wait.entered.length === 1)
    await asker.push('{tempest}:low', ...notes(2, 6))
    await asker.push('tempest', ...notes(3, 3))
    await pushAndRing('high', ...notes(3, 0))
    wait.open()
    await asker.replies(9)
    expect(wait.entered).toEqual(['first', 0, 1, 2, 3, 4, 5, 6, 7])
  })

  test('takes from its first queue as long as that has jobs, whatever waits in the others', async () => {
    const wait = gate()
    const worker = make({ note: ([n]) => wait.pass(n) }, { queues: ['a', 'b'], concurrency: 64 })
    await asker.push('b', ...notes(100, 1000))
    await asker.push('a', ...notes(100))
    await worker.start()
    await until(() => wait.entered.length === 64)
    expect(wait.entered).toEqual(Array.from({ length: 64 }, (_, i) => i))
    wait.open()
    await asker.replies(200)
    const order = wait.entered.map(Number)
    expect(order).toEqual(order.toSorted((a, b) => a - b))
  })

  test('takes by weights where it is told so, and starves no list', async () => {
    const lists = { high: '{tempest}:high', normal: 'tempest', low: '{tempest}:low' }
    for (const [name, list] of Object.entries(lists)) await asker.push(list, ...notes(300, 0, name))
    const begun: unknown[] = []
    const order = { high: 3, normal: 2, low: 1 }
    await start({ note: ([name]) => begun.push(name) }, { order, concurrency: 1 })
    await asker.replies(900, 10_000)
    const count = (name: string): number => begun.slice(0, 300).filter((it) => it === name).length
    // Of the first 300: 150, 100, 50, give or take five standard deviations.
    expect(Math.abs(count('high') - 150)).toBeLessThan(45)
    expect(Math.abs(count('normal') - 100)).toBeLessThan(42)
    expect(Math.abs(count('low') - 50)).toBeLessThan(34)
  })

  test('wakes at once for a job in any list, rung or normal', async () => {
    await start({ note: ([n]) => n })
    const began = performance.now()
    for (let round = 0; round < 3; round++) {
      for (const list of ['high', 'normal', 'low'] as const) {
        await until(isParked)
        const [job] = notes(1, round)
        if (list === 'normal') await asker.push('tempest', String(job))
        else await pushAndRing(list, String(job))
        await asker.replies(1)
      }
    }
    // Nine times the whole block of 2 s, had it not been woken.
    expect(performance.now() - began).toBeLessThan(9000)
  })

  test('loses no bell that rings while it is about to park', async () => {
    await start({ note: ([n]) => n })
    const began = performance.now()
    // Some at any moment, the last of them perhaps when the worker has just found its lists empty.
    for (let round = 0; round < 150; round++) {
      const count = 1 + (round % 7)
      for (let n = 0; n < count; n++) await pushAndRing('high', ...notes(1, n))
      for (let n = 0; n < count; n++) await asker.redis.blpop(asker.mailbox, 5)
    }
    expect(performance.now() - began).toBeLessThan(9000)
  })

  test('wakes for each of its queues, again and again', async () => {
    await start({ note: ([n]) => n }, { queues: ['a', 'b', 'tempest'] })
    const began = performance.now()
    for (const queue of ['a', 'b', 'tempest', 'a', 'b', 'tempest']) {
      await until(async () => (await clientsOf(redis)).filter((it) => it.blocked).length === 3)
      for (let n = 0; n < 3; n++) {
        await asker.push(queue, ...notes(1))
        await asker.replies(1)
      }
      await pushAndRing('high', ...notes(1))
      await asker.replies(1)
    }
    expect(performance.now() - began).toBeLessThan(9000)
  })

  test('asks Redis little while it is idle; a job in high that nobody rang for is found after one block', async () => {
    await start({ note: ([n]) => n })
    await asker.push('tempest', ...notes(1))
    await asker.replies(1)
    await until(isParked)
    const from = performance.now()
    await redis.cli('CONFIG', 'RESETSTAT')
    await asker.push('{tempest}:high', ...notes(1))
    await asker.replies(1)
    const info = String(await redis.cli('INFO', 'commandstats'))
    const seconds = (performance.now() - from) / 1000
    const calls = Number(/cmdstat_evalsha:calls=(\d+)/.exec(info)?.[1])
    // A block of 2 s, longer where somebody stood still: each second a beat for its queue, its record, and two beats of its thread; a look behind
    // the block, one more for the job, its answer, its removal.
    expect(calls).toBeLessThanOrEqual(8 + 4 * Math.max(seconds, 2))
  })

  test('takes nothing more once it is quiet; what runs goes on and is answered', async () => {
    const wait = gate()
    const worker = await start({ note: ([n]) => wait.pass(n) }, { concurrency: 10 })
    await asker.push('tempest', ...notes(3))
    await until(() => wait.entered.length === 3)
    await worker.quiet()
    expect(worker.stats().state).toBe('quiet')
    await asker.push('tempest', ...notes(2, 10))
    await pushAndRing('high', ...notes(1, 20))
    expect(await isParked()).toBe(false)
    wait.open()
    expect(await asker.replies(3)).toHaveLength(3)
    expect(wait.entered).toEqual([0, 1, 2])
    expect(await asker.redis.llen('tempest')).toBe(2)
    await worker.quiet()
  })
})
