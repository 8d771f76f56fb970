/** Presence against a real Redis: records, beats, sweeping, and a node that comes back. Worker processes are in test/scenarios. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import type { Redis } from 'ioredis'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeWithRedis, startTestRedis, type TestRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import { keysOf, listOf } from '../../../test/helpers/watch'
import { createNode, type Node } from '../src/node'

const PATIENCE = 1000

describeWithRedis('a node that is here', () => {
  let server: TestRedis
  let redis: Redis
  const nodes: Node[] = []

  beforeAll(async () => {
    server = await startTestRedis()
    redis = server.client()
  })
  afterEach(async () => {
    await Promise.all(nodes.splice(0).map((node) => node.stop()))
    await redis.flushall()
  })
  afterAll(() => server.stop())

  async function make(): Promise<Node> {
    const node = createNode({ redis: server.url, patienceMs: PATIENCE })
    nodes.push(node)
    node.openMailbox()
    await until(async () => (await redis.hexists('tempest:nodes', node.boot)) === 1)
    return node
  }
  /** A worker of another program that has written its record, and what it holds, and is dead. */
  async function seedDead(held: string[], record: object = {}): Promise<void> {
    const text = JSON.stringify({ role: 'worker', queues: ['q'], patience: PATIENCE, ...record })
    await redis.hset('tempest:nodes', 'dead', text)
    await redis.hset('tempest:beats', 'dead', 1)
    if (held.length > 0) await redis.rpush('{q}:held:dead', ...held)
  }
  const isSwept = async (boot = 'dead'): Promise<boolean> =>
    (await redis.hexists('tempest:nodes', boot)) === 0

  test('writes no key into its record that the protocol does not name (P-100)', async () => {
    const { boot } = await make()
    const record: unknown = JSON.parse((await redis.hget('tempest:nodes', boot)) ?? '')
    const text = readFileSync(join(__dirname, '../../../docs/protocol.md'), 'utf8')
    const table = text.slice(text.indexOf('**P-100 Record.**'), text.indexOf('**P-101'))
    const rows = table.split('\n').map((line) => line.split('|')[1] ?? '')
    expect(
      Object.keys(record as object).filter((key) => !rows.join().includes('`' + key + '`')),
    ).toEqual([])
  })

  test('says who it is, to anyone who asks, and nothing more when it has stopped', async () => {
    const [one, two] = [await make(), await make()]
    const records = await one.nodes()
    expect(records.map(({ boot }) => boot).sort()).toEqual([one.boot, two.boot].sort())
    expect(records.find(({ boot }) => boot === one.boot)).toMatchObject({
      role: 'node',
      pid: process.pid,
      patience: PATIENCE,
      version: '0.1.0',
      queues: [],
      stats: { inFlight: 0 },
    })
    await one.stop()
    expect((await two.nodes()).map(({ boot }) => boot)).toEqual([two.boot])
    await two.stop()
    expect(await keysOf(server)).toEqual([])
  })

  test('beats from a thread while its own computes for longer than its patience', async () => {
    const [busy] = [await make(), await make()]
    const before = Number(await redis.hget('tempest:beats', busy.boot))
    const end = performance.now() + 3 * PATIENCE
    while (performance.now() < end);
    await until(async () => Number(await redis.hget('tempest:beats', busy.boot)) > before + 5)
    expect(await isSwept(busy.boot)).toBe(false)
  })

  test('sweeps a dead worker: jobs in their order at the head of the queue, each as its next attempt', async () => {
    await redis.rpush('q', 'waits')
    const jobs = ['a', 'b', 'c'].map((id) => `["x",[],null,"${id}"]`)
    await seedDead(['not a job', ...jobs])
    const node = await make()
    await until(async () => (await redis.hexists('tempest:gone', 'dead:swept')) === 1)
    // A strike against a job nobody waits for delays it.
    const delayed = await redis.zrange('{q}:delayed', '0', '-1')
    expect(delayed.map((each) => each.slice(each.indexOf(':') + 1)).sort()).toEqual(
      jobs.map((job) => job.replace(/"(\w)"\]$/, '"$1.2"]')),
    )
    expect(await listOf(server, '{q}:dead')).toEqual(['not a job'])
    expect(await listOf(server, 'q')).toEqual(['waits'])
    expect(node.stats().swept).toEqual({ sweeps: 1, jobs: { again: 3, bury: 1 } })
  })

  test('puts jobs that had not begun back as they were, in their order', async () => {
    const jobs = ['a.2', 'b.2', 'c.2'].map((id) => `["x",[],null,"${id}"]`)
    await redis.rpush('q', 'waits')
    await seedDead(jobs, { suspects: true })
    await make()
    await until(async () => (await redis.llen('q')) === 4)
    expect(await listOf(server, 'q')).toEqual([...jobs, 'waits'])
    expect(await redis.exists('{q}:history:a')).toBe(0)
  })

  test('tells who waits that a job is lost; one that may be retried is answered by who gets it next', async () => {
    const node = await make()
    const lost = node.ask('q', 'x', [{}], { deadlineMs: 12_000 })
    const again = node.ask('q', 'x', [{}], { deadlineMs: 12_000, retry: true })
    await until(async () => (await redis.llen('q')) === 2)
    const held = await redis.lrange('q', 0, -1)
    await redis.del('q')
    const failed = expect(lost).rejects.toMatchObject({ code: 'WORKER_LOST', status: 502 })
    await seedDead(held)
    await failed
    const [, job = ''] = (await redis.blpop('q', 5)) ?? []
    const [, , mailbox = '', id = ''] = JSON.parse(job) as string[]
    expect(id).toMatch(/\.2$/)
    await redis.rpush(mailbox, JSON.stringify(['answer', id, 'done']))
    await expect(again).resolves.toBe('done')
  })

  test('makes a job dead that has used up its attempts, with its history', async () => {
    const node = await make()
    const asked = node.ask('q', 'x', [{}], { deadlineMs: 9000, retry: true, maxAttempts: 2 })
    const failed = expect(asked).rejects.toMatchObject({ code: 'WORKER_LOST' })
    for (let attempt = 1; attempt <= 2; attempt++) {
      const [, job = ''] = (await redis.blpop('q', 5)) ?? []
      await seedDead([job])
      await until(isSwept)
    }
    await failed
    const dead = node.dead('q')
    const [entry, ...others] = await dead.list()
    expect(others).toEqual([])
    expect(entry).toMatchObject({
      reason: 'POISONED',
      action: 'x',
      history: [
        { boot: 'dead', attempt: 1, code: 'WORKER_LOST' },
        { boot: 'dead', attempt: 2, code: 'WORKER_LOST' },
      ],
    })
    expect(await dead.show(entry?.key ?? '')).toEqual(entry)
    expect(await dead.requeue(entry?.key ?? '')).toBe(true)
    expect(await dead.requeue(entry?.key ?? '')).toBe(false)
    expect(await listOf(server, 'q')).toEqual([entry?.job])
    expect(await dead.list()).toEqual([])
  })

  test('does not retry beyond the budget of the queue', async () => {
    await redis.hset('{q}:budget', { tokens: '1.5', recent: '0', at: '0' })
    const node = await make()
    const terms = { deadlineMs: 12_000, retry: true }
    const asked = [1, 2, 3].map(() => node.ask('q', 'x', [{}], terms))
    await until(async () => (await redis.llen('q')) === 3)
    const held = await redis.lrange('q', 0, -1)
    await redis.del('q')
    await seedDead(held)
    const ends = Promise.allSettled(asked)
    await until(async () => (await redis.llen('q')) === 1)
    const [, job = ''] = (await redis.blpop('q', 5)) ?? []
    const [, , mailbox = '', id = ''] = JSON.parse(job) as string[]
    await redis.rpush(mailbox, JSON.stringify(['answer', id, 'tried again']))
    const told = (await ends).map((each) => String('value' in each ? each.value : each.reason))
    expect(told.filter((each) => each.includes('lost'))).toHaveLength(2)
    expect(told.filter((each) => each === 'tried again')).toHaveLength(1)
  })

  test('lives, though it does not beat, while Redis has the client its record names', async () => {
    const client = server.client()
    const id = await client.client('ID')
    await seedDead(['["x",[],null,"a"]'], { client: String(id) })
    const node = await make()
    await until(async () => (await node.nodes()).length === 2)
    const looked = performance.now()
    await until(() => performance.now() > looked + 3 * PATIENCE)
    expect(await isSwept()).toBe(false)
    client.disconnect()
    await until(isSwept)
  })

  test('that was swept writes its record again and goes on; what it asked meanwhile is still answered', async () => {
    const node = await make()
    const asked = node.ask('q', 'x', [1])
    const [, job = ''] = (await redis.blpop('q', 5)) ?? []
    const record = (await redis.hget('tempest:nodes', node.boot)) ?? ''
    const gone = {
      ...(JSON.parse(record) as object),
      since: 0,
      until: 0,
      swept: true,
      cancelled: false,
    }
    await redis.hset('tempest:gone', node.boot, JSON.stringify(gone))
    await redis.hdel('tempest:nodes', node.boot)
    await until(async () => (await redis.hexists('tempest:nodes', node.boot)) === 1)
    expect(await redis.hexists('tempest:gone', node.boot)).toBe(0)
    const [, , mailbox = '', id = ''] = JSON.parse(job) as string[]
    await redis.rpush(mailbox, JSON.stringify(['answer', id, 'late']))
    await expect(asked).resolves.toBe('late')
  })

  test('whose jobs were cancelled meanwhile pushes again what may be, and gives the rest up', async () => {
    const node = await make()
    const lost = expect(node.ask('q', 'x', [{}])).rejects.toMatchObject({ code: 'WORKER_LOST' })
    const again = node.ask('q', 'x', [{}], { retry: true })
    await until(async () => (await redis.llen('q')) === 2)
    await redis.del('q')
    const gone = { role: 'node', since: 5, until: 9e15 }
    await redis.hset('tempest:gone', `${node.boot}:cancelled`, '1')
    await redis.hset('tempest:gone', node.boot, JSON.stringify(gone))
    await redis.hdel('tempest:nodes', node.boot)
    await lost
    const [, job = ''] = (await redis.blpop('q', 5)) ?? []
    const [, , mailbox = '', id = ''] = JSON.parse(job) as string[]
    expect(id).toMatch(/\.2$/)
    await redis.rpush(mailbox, JSON.stringify(['answer', id, 'after all']))
    await expect(again).resolves.toBe('after all')
  })

  test('hears itself through its mailbox, and says so where it does not', async () => {
    const node = await make()
    await node.echo()
    await expect(node.nodes()).resolves.toHaveLength(1)
    expect(node.stats().refusals).toMatchObject({ unknownVerb: 0, late: 0 })
  })
})
