/** The scripts of the model against those of the product in a real Redis: from the same state the same call must lead to the same state. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { keys, type Link, settle, verdictOf } from '@tempest/protocol'
import fc from 'fast-check'
import type { Redis } from 'ioredis'
import { takeScript as realTake } from '../../packages/worker/src/scripts'
import { describeWithRedis, startTestRedis, type TestRedis } from '../helpers/redis'
import { settleScript, takeScript } from './scripts'
import { Store } from './store'

const queue = 'q'
const boot = '0123456789abcdef'
const held = keys.held(queue, boot)
const suspectsKey = keys.suspects(queue, boot)
const mailbox = 'tempest:mailbox:f'

const id = fc
  .tuple(fc.constantFrom('a', 'b', 'c-r2'), fc.constantFrom('', '.2', '.3', '.9'))
  .map(([base, attempt]) => base + attempt)
const meta = fc.record({
  v: fc.constant(1),
  deadline: fc.constantFrom(1, 2, 2, 2, 2),
  attempt: fc.constantFrom(1, 2),
  retry: fc.constantFrom(true, true, true, false),
  max_attempts: fc.constantFrom(1, 2, 3, 4, 5),
  epoch: fc.constantFrom('e0', 'e0', 'e0', 'e1', ''),
  request_id: fc.constantFrom('r', 'ü"\\'),
})
const args = fc.oneof(
  { weight: 4, arbitrary: meta.map((each) => [{ meta: each }]) },
  { weight: 1, arbitrary: fc.constant([1e21, 'é\u0000"', null]) },
)
const raw = fc.oneof(
  { weight: 20, arbitrary: fc.tuple(fc.constant('do'), args, fc.constantFrom(null, mailbox), id) },
  { weight: 1, arbitrary: fc.constantFrom('no job', '[1]', '') },
)
const text = raw.map((job) => (typeof job === 'string' ? job : JSON.stringify(job)))
const strike = '{"at":1,"boot":"x","attempt":1,"code":"WORKER_LOST"}'
const setting = fc.record({
  jobs: fc.array(text, { minLength: 1, maxLength: 6 }),
  order: fc.array(fc.nat(9), { maxLength: 8 }),
  suspects: fc.oneof(fc.constant([]), fc.array(id, { maxLength: 2 })),
  began: fc.constantFrom<'marked' | 'all' | 'none'>('marked', 'all', 'all', 'none'),
  cancelled: fc.constantFrom<string>('', '', '', 'a'),
  history: fc.record({ a: fc.nat(3), b: fc.nat(1), 'c-r2': fc.nat(1) }),
  tokens: fc.constantFrom(undefined, '0', '0.5', '1', '2.5'),
  dead: fc.constantFrom(0, 1, 999, 1000),
  clock: fc.constantFrom('5000', '123456'),
  swept: fc.boolean(),
  here: fc.constantFrom(false, false, false, true),
  code: fc.constantFrom('WORKER_LOST', 'HANDLER_FAILED'),
})
type Setting = typeof setting extends fc.Arbitrary<infer T> ? T : never

const asked = JSON.stringify(['do', [1], mailbox, 'x-r3'])
const pushed = JSON.stringify(['do', [1], null, 'a'])
const plain: Setting = {
  ...{ jobs: [asked, pushed], order: [], suspects: [], began: 'all', cancelled: '' },
  ...{ history: { a: 2, b: 0, 'c-r2': 0 }, tokens: '1', dead: 1000, clock: '5000' },
  ...{ swept: true, here: false, code: 'WORKER_LOST' },
}
/** What must be among the cases, whatever chance brings: each branch of the script. */
const always: Setting[] = [
  plain,
  { ...plain, tokens: '0.5' },
  { ...plain, history: { ...plain.history, a: 9 }, jobs: ['no job', pushed] },
  { ...plain, here: true },
  { ...plain, suspects: ['a'], cancelled: 'x-r3' },
]

/** The same state on both sides. The clock stands in the future, where TIME does not move it. */
function seeded(given: Setting): Store {
  const store = new Store()
  store.list(held).push(...given.jobs)
  for (const [base, count] of Object.entries(given.history)) {
    store.list(keys.history(queue, base)).push(...Array.from({ length: count }, () => strike))
  }
  if (given.tokens !== undefined) store.hash(keys.budget(queue)).set('tokens', given.tokens)
  store.list(keys.dead(queue)).push(...Array.from({ length: given.dead }, (_, i) => `old ${i}`))
  store.hash(keys.clock(queue)).set('now', given.clock).set('wall', '9000000000000000')
  store.zset(keys.workers(queue)).set(given.here ? boot : 'other', 1)
  for (const each of given.suspects) store.set(suspectsKey).add(each)
  return store
}

describeWithRedis('the scripts of the model', () => {
  let server: TestRedis
  let redis: Redis

  beforeAll(async () => {
    server = await startTestRedis()
    redis = server.client()
  })
  afterAll(() => server.stop())

  async function write(store: Store): Promise<void> {
    const batch = redis.pipeline().flushall()
    for (const [key, list] of store.lists) if (list.length > 0) batch.rpush(key, ...list)
    for (const [key, hash] of store.hashes) if (hash.size > 0) batch.hset(key, hash)
    for (const [key, zset] of store.zsets) for (const [m, score] of zset) batch.zadd(key, score, m)
    for (const [key, set] of store.sets) if (set.size > 0) batch.sadd(key, ...set)
    await batch.exec()
  }

  async function read(): Promise<Store> {
    const store = new Store()
    for (const key of await redis.keys('*')) {
      const type = await redis.type(key)
      if (type === 'list') store.lists.set(key, await redis.lrange(key, 0, -1))
      if (type === 'hash') {
        store.hashes.set(key, new Map(Object.entries(await redis.hgetall(key))))
      }
      if (type === 'set') store.sets.set(key, new Set(await redis.smembers(key)))
      if (type !== 'zset') continue
      const flat = await redis.zrange(key, '0', '-1', 'WITHSCORES')
      for (let i = 0; i < flat.length; i += 2) {
        store.zset(key).set(String(flat[i]), Number(flat[i + 1]))
      }
    }
    return store
  }

  /** When an entry died is what TIME told: the one thing that differs. */
  const timeless = (store: Store): unknown =>
    JSON.parse(JSON.stringify(store.contents()).replace(/\\"at\\":\d{13}/g, '\\"at\\":0'))

  test('settle every job as settle.lua does', async () => {
    const outcomes = new Set<string>()
    await fc.assert(
      fc.asyncProperty(setting, async (given) => {
        const store = seeded(given)
        await write(store)
        for (const at of [...given.order, ...given.jobs.keys()]) {
          const job = Buffer.from(given.jobs[at % given.jobs.length] ?? '')
          const verdict = verdictOf(job, {
            ...{ suspects: new Set(given.suspects), began: given.began, epoch: 'e0' },
            untilMs: (deadline) => deadline - 1.5,
            isCancelled: (base) => base === given.cancelled,
          })
          let modelled = ''
          const link = {
            script: async (
              script: { source: string },
              names: string[],
              values: (string | number | Buffer)[],
            ) => {
              modelled = settleScript(store, names, values, 0)
              return redis.eval(script.source, names.length, ...names, ...values)
            },
          }
          const outcome = await settle(link as unknown as Link, queue, boot, job, verdict, {
            ...{ at: 7, code: given.code, reason: 'POISONED', swept: given.swept },
          })
          expect(modelled).toBe(outcome)
          outcomes.add(outcome)
        }
        expect(timeless(store)).toEqual(timeless(await read()))
      }),
      { numRuns: 200, examples: always.map((each) => [each]) },
    )
    expect([...outcomes].sort()).toEqual(
      ['again', 'bury', 'dead', 'drop', 'final', 'gone', 'return'].sort(),
    )
  })

  test('remove and move jobs as take.lua does, and refuse whoever is not registered', async () => {
    const jobs = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 6 })
    const call = fc.record({
      ...{ here: fc.nat(9), waiting: jobs, held: jobs, n: fc.nat(4), drop: fc.nat(4) },
      ...{ count: fc.constantFrom<1 | -1>(1, -1), raws: jobs },
    })
    await fc.assert(
      fc.asyncProperty(call, async (given) => {
        const store = new Store()
        store.list(queue).push(...given.waiting)
        store.list(held).push(...given.held)
        store.zset(keys.workers(queue)).set(given.here > 0 ? boot : 'other', 1)
        await write(store)
        const { n, drop, count, raws } = given
        const names = { queue, held, workers: keys.workers(queue) }
        const bytes = raws.map((each) => Buffer.from(each))
        const modelled = takeScript(store, names, boot, n, { drop, count, raws: bytes })
        const [high, low] = [keys.queue(queue, 'high'), keys.queue(queue, 'low')]
        const real = redis.eval(
          realTake.source,
          ...([5, high, queue, low, held, names.workers] as const),
          ...[n, 1, drop, n, n, n, count, boot, ...raws],
        )
        if (modelled === undefined) await expect(real).rejects.toThrow('SWEPT')
        else expect(JSON.stringify(await real)).toContain(JSON.stringify(modelled).slice(1, -1))
        expect(store.contents()).toEqual((await read()).contents())
      }),
      { numRuns: 150 },
    )
  })
})
