/** When nobody waits for a job any more: its signal fires, or it is never begun; and nothing is replied. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { fieldsOf } from '../../../test/helpers/json'
import { describeWithRedis, startTestRedis, type TestRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import { workKeysOf, listOf } from '../../../test/helpers/watch'
import { createWorker, type Job, type Worker, type WorkerOptions } from '../src/index'
import { Asker, Gate } from './asker'

describeWithRedis('a job that nobody waits for any more', () => {
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
    // Cancels are heard once somebody listens.
    await until(async () => (await asker.redis.publish('{tempest}:cancel', 'nonsense')) > 0)
    return worker
  }
  const cancel = async (ids: string[]): Promise<void> => {
    const message = { ids, until: Date.now() + 60_000 }
    await asker.redis.publish('{tempest}:cancel', JSON.stringify(message))
  }
  const isDone = async (): Promise<boolean> => (await workKeysOf(redis)).length === 0
  /** Ends with its signal, and tells why. */
  const untilAborted = (job: Job): Promise<unknown> =>
    new Promise((resolve) => {
      if (job.signal.aborted) resolve(job.signal.reason)
      else job.signal.addEventListener('abort', () => resolve(job.signal.reason), { once: true })
    })

  beforeAll(async () => {
    redis = await startTestRedis()
    asker = new Asker(redis)
  })
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.stop()))
    await redis.cli('FLUSHALL')
  })
  afterAll(() => redis.stop())

  test('hears it by its signal at the deadline, not before, and its result is dropped', async () => {
    const reasons: unknown[] = []
    const startedAt = performance.now()
    let trip = NaN
    let firedAt = NaN
    const worker = await start({
      slow: async (_args, job) => {
        trip = performance.now() - startedAt
        reasons.push(await untilAborted(job))
        firedAt = Date.now()
        return 'nobody reads this'
      },
    })
    // Long enough that it is popped before, whoever stands still.
    const meta = asker.meta(2000)
    await asker.push('tempest', asker.job('slow', [{}], { meta }))
    await until(() => worker.stats().cancelled === 1)
    expect(reasons).toMatchObject([{ name: 'AbortError' }])
    // Redis' time is known to within half a round trip; none took longer than all that came before.
    const error = Math.max(trip / 2, 30)
    expect(firedAt).toBeGreaterThan(Number(fieldsOf(meta).deadline) - error)
    await until(isDone)
    expect(worker.stats()).toMatchObject({ answered: 0, running: 0 })
  })

  test('is answered all the same where its handler never looks at the signal: the front decides', async () => {
    const gate = new Gate<unknown>()
    await start({ slow: () => gate.pass(0) })
    const meta = asker.meta(2000)
    const deadline = Number(fieldsOf(meta).deadline)
    await asker.push('tempest', asker.job('slow', [{}], { meta }))
    await until(() => gate.entered.length === 1)
    await until(() => Date.now() > deadline)
    gate.open()
    expect(await asker.replies(1)).toMatchObject([{ verb: 'answer' }])
  })

  test('hears it by its signal when its client has left, whichever attempt it is', async () => {
    const jobs: Job[] = []
    const worker = await start({
      slow: async (_args, job) => {
        jobs.push(job)
        await untilAborted(job)
        throw new Error('nobody hears this')
      },
      fine: () => 'on',
    })
    await asker.push('tempest', asker.job('slow', [], { id: 'b-1-r' }))
    await asker.push('tempest', asker.job('slow', [], { id: 'b-1-r.2' }))
    await asker.push('tempest', asker.job('slow', [], { id: 'b-2-r' }))
    await until(() => jobs.length === 3)
    await cancel(['b-1-r'])
    await until(() => worker.stats().cancelled === 2)
    // A further attempt begins when its worker has marked it.
    expect(jobs.map((job) => [job.id, job.signal.aborted]).sort()).toEqual([
      ['b-1-r', true],
      ['b-1-r.2', true],
      ['b-2-r', false],
    ])
    await cancel(['b-2-r'])
    await until(isDone)
    expect(worker.stats()).toMatchObject({ cancelled: 3, answered: 0, failed: {} })
  })

  test('is dropped when it is popped, if its client left while it waited', async () => {
    const gate = new Gate<unknown>()
    const worker = await start({ wait: ([n]) => gate.pass(n) }, { concurrency: 1 })
    await asker.push('tempest', asker.job('wait', [0]))
    await until(() => gate.entered.length === 1)
    const jobs = [1, 2, 3].map((n) => asker.job('wait', [n], { id: `b-${n}-r` }))
    await asker.push('tempest', ...jobs, asker.job('wait', [4], { id: 'b-2-r.2' }))
    await cancel(['b-1-r', 'b-2-r'])
    gate.open()
    const replies = await asker.replies(2)
    expect(replies.map(({ id }) => id)).toEqual([expect.any(String), 'b-3-r'])
    await until(isDone)
    expect(gate.entered).toEqual([0, 3])
    expect(worker.stats().cancelled).toBe(3)
  })

  test('is dropped when it is popped past its deadline', async () => {
    const ran: unknown[] = []
    const worker = await start({ note: ([first]) => ran.push(fieldsOf(first).n) })
    // Redis' time is known to within half a round trip, and somebody may stand still within that.
    const jobs = [-60_000, -300, 60_000].map((ms, n) =>
      asker.job('note', [{ n }], { meta: asker.meta(ms) }),
    )
    await asker.push('tempest', ...jobs)
    await asker.replies(1)
    await until(isDone)
    expect(ran).toEqual([2])
    expect(worker.stats()).toMatchObject({ expired: 2, answered: 1 })
    expect(await listOf(redis, asker.mailbox)).toEqual([])
  })

  test('has a signal that has fired already where it is first looked at later', async () => {
    const gate = new Gate<unknown>()
    const late: boolean[] = []
    const early: unknown[] = []
    await start({
      late: async (_args, job) => {
        await gate.pass(0)
        late.push(job.signal.aborted)
      },
      early: async (_args, job) => early.push(await untilAborted(job)),
    })
    await asker.push('tempest', asker.job('late', [], { id: 'b-1-r' }))
    await asker.push('tempest', asker.job('early', [], { id: 'b-2-r' }))
    await until(() => gate.entered.length === 1)
    await cancel(['b-1-r', 'b-2-r'])
    await until(() => early.length === 1)
    gate.open()
    await until(isDone)
    expect(late).toEqual([true])
  })

  test('is not touched by a cancel of others, nor by what is no cancel', async () => {
    const gate = new Gate<unknown>()
    const jobs: Job[] = []
    const worker = await start({
      wait: (_args, job) => {
        jobs.push(job)
        return gate.pass(0)
      },
    })
    await asker.push('tempest', asker.job('wait', [], { id: 'b-1-r' }))
    await until(() => jobs.length === 1)
    const until60 = Date.now() + 60_000
    const noise = [
      '',
      'b-1-r',
      '[]',
      'null',
      '7',
      '"b-1-r"',
      '["b-1-r"]',
      JSON.stringify({ ids: ['b-1-r'] }),
      JSON.stringify({ ids: 'b-1-r', until: until60 }),
      JSON.stringify({ ids: ['b-1-r'], until: 'later' }),
      JSON.stringify({ ids: [null, 7, {}, ['b-1-r']], until: until60 }),
      JSON.stringify({ ids: ['b-1', 'b-1-r.2', 'b-1-rr', ''], until: until60 }),
    ]
    for (const message of noise) await asker.redis.publish('{tempest}:cancel', message)
    await asker.redis.publish('{tempest}:bell', 'noise')
    await asker.redis.publish('{tempest}:cancel', Buffer.from([0xff]))
    gate.open()
    expect(await asker.replies(1)).toMatchObject([{ id: 'b-1-r', verb: 'answer' }])
    expect(jobs[0]?.signal.aborted).toBe(false)
    expect(worker.stats().cancelled).toBe(0)
  })

  test('without metadata has no deadline, and its signal waits for none', async () => {
    const deadlines: unknown[] = []
    await start({
      note: (_args, job) => {
        deadlines.push(job.deadline, job.signal.aborted)
      },
    })
    await asker.ask('note', [{}])
    await asker.ask('note', [{ meta: { v: 1, deadline: 5 } }])
    expect(deadlines).toEqual([null, false, null, false])
  })
})
