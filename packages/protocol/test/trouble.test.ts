/** A node whose Redis is away, frozen, unfit or cuts its connections: what is told, when, and that it recovers by itself. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { codeOf } from '../../../test/helpers/json'
import { describeWithRedis, startTestRedis, type TestRedis } from '../../../test/helpers/redis'
import { cutAtRandom } from '../../../test/helpers/cut'
import { until } from '../../../test/helpers/until'
import {
  areHandlesGone,
  clientsOf,
  handlesOfProcess,
  workKeysOf,
  listOf,
} from '../../../test/helpers/watch'
import { type AskingNodeOptions, createNode, type Node } from '../src/index'
import { Hand, parse, type WireJob } from './hand'

describeWithRedis('a node in trouble', () => {
  let redis: TestRedis
  const nodes: Node[] = []

  const make = (options: Partial<AskingNodeOptions> = {}): Node => {
    const node = createNode({ redis: redis.url, ...options })
    nodes.push(node)
    return node
  }
  /** A node whose connections are up. */
  const makeReady = async (options: Partial<AskingNodeOptions> = {}): Promise<Node> => {
    const node = make({ redisWaitMs: 10_000, ...options })
    node.openMailbox()
    await until(() => node.connected)
    return node
  }
  /** Pushes once Redis can be used again, however short `redisWaitMs` is. */
  const pushAtLast = (node: Node, action: string): Promise<unknown> =>
    until(() =>
      node.push('tempest', action).then(
        () => true,
        () => false,
      ),
    )
  /** Cuts connections of nodes: all of them, or those whose last command was one of these. */
  const cut = async (...commands: string[]): Promise<number> => {
    const victims = (await clientsOf(redis)).filter(
      (client) => commands.length === 0 || commands.includes(client.cmd),
    )
    for (const { id } of victims) await redis.cli('CLIENT', 'KILL', 'ID', id)
    return victims.length
  }

  beforeAll(async () => {
    redis = await startTestRedis()
  })
  afterEach(async () => {
    await Promise.all(nodes.splice(0).map((node) => node.stop()))
    await redis.cli('FLUSHALL')
  })
  afterAll(() => redis.stop())

  test('may be made before its Redis: a call waits, and is answered once that is there', async () => {
    await redis.kill()
    const node = make({ redisWaitMs: 10_000 })
    const answer = node.ask('tempest', 'echo', [1])
    expect(node.connected).toBe(false)
    await redis.start()
    const hand = new Hand(redis)
    const job = await hand.pop()
    await hand.reply(job, ['answer', job.id, 'there'])
    await expect(answer).resolves.toBe('there')
    await until(() => node.connected)
  })

  test('tells REDIS_AWAY after redisWaitMs, not before, where Redis is not there', async () => {
    await redis.kill()
    const node = make({ redisWaitMs: 150 })
    const began = performance.now()
    const away = { code: 'REDIS_AWAY', status: 503 }
    await expect(node.ask('tempest', 'a', [])).rejects.toMatchObject(away)
    expect(performance.now() - began).toBeGreaterThanOrEqual(150)
    await expect(node.push('tempest', 'a')).rejects.toMatchObject(away)
    expect(node.stats()).toMatchObject({ connected: false, inFlight: 0, heldChars: 0 })
    await redis.start()
    // What was given up is not pushed later.
    await pushAtLast(node, 'fresh')
    expect((await listOf(redis, 'tempest')).map((raw) => parse(raw).action)).toEqual(['fresh'])
  })

  test('settles every push of a moment in which Redis dies, and goes on when it is back', async () => {
    const node = await makeReady({ redisWaitMs: 200 })
    let pushed = 0
    const outcomes: Promise<string>[] = []
    const over = new AbortController()
    const pushing = (async () => {
      // In every turn, so that some fall into the moment between the end of the socket and the news of it.
      while (!over.signal.aborted) {
        const outcome = node.push('tempest', 'a').then(
          () => {
            pushed++
            return 'pushed'
          },
          (error: unknown) => String(codeOf(error)),
        )
        outcomes.push(outcome)
        await new Promise((resolve) => setImmediate(resolve))
      }
    })()
    await until(() => pushed > 20)
    await redis.kill()
    await until(() => !node.connected)
    const known = outcomes.length
    await until(() => outcomes.length > known + 20)
    over.abort()
    await pushing
    const told = await Promise.all(outcomes)
    expect(new Set(told)).toEqual(
      new Set([...told.filter((it) => it === 'PUSH_UNKNOWN'), 'pushed', 'REDIS_AWAY']),
    )
    await redis.start()
    await pushAtLast(node, 'a')
  })

  test('tells REDIS_AWAY where Redis is there and does not answer', async () => {
    const node = await makeReady({ redisWaitMs: 100 })
    redis.freeze()
    try {
      // The first was written when nobody could know; what comes later is not written.
      const first = node.push('tempest', 'first')
      await until(() => !node.connected)
      await expect(node.push('tempest', 'second')).rejects.toMatchObject({ code: 'REDIS_AWAY' })
      redis.thaw()
      await expect(first).resolves.toMatch(node.boot)
    } finally {
      redis.thaw()
    }
    await pushAtLast(node, 'third')
    const actions = (await listOf(redis, 'tempest')).map((raw) => parse(raw).action)
    expect(actions).toEqual(['first', 'third'])
  })

  test('tells PUSH_UNKNOWN where its connection breaks under a push, and pushes it no second time', async () => {
    const node = await makeReady()
    await redis.cli('CLIENT', 'PAUSE', 10_000, 'WRITE')
    const push = expect(node.push('tempest', 'a')).rejects.toMatchObject({ code: 'PUSH_UNKNOWN' })
    await until(async () => (await clientsOf(redis)).some((client) => client.cmd === 'rpush'))
    await cut('rpush')
    await push
    await redis.cli('CLIENT', 'UNPAUSE')
    await until(() => node.connected)
    expect(await workKeysOf(redis)).toEqual([])
  })

  test('pushes again, as the next attempt, a call whose push broke, where that does no harm', async () => {
    const hand = new Hand(redis)
    const node = await makeReady()
    await redis.cli('CLIENT', 'PAUSE', 10_000, 'WRITE')
    const answer = node.ask('tempest', 'a', [{}], { retry: true })
    const once = node.ask('tempest', 'b', [{}], { retry: false, deadlineMs: 600 })
    const late = expect(once).rejects.toMatchObject({ code: 'DEADLINE' })
    await until(async () => (await clientsOf(redis)).some((client) => client.cmd === 'rpush'))
    await cut('rpush')
    await redis.cli('CLIENT', 'UNPAUSE')
    const job = await hand.pop()
    expect(job).toMatchObject({ action: 'a', args: [{ meta: { attempt: 2, retry: true } }] })
    expect(job.id).toMatch(/^[^.]+\.2$/)
    const base = job.id.slice(0, -2)
    // The fence: a failure of the older attempt is refused, its answer is not; the attempts to come are.
    await hand.reply(
      job,
      ['fail', base, { message: 'of the first attempt' }],
      ['answer', `${base}.3`, 'of an attempt that was not made'],
      ['answer', base, 'of the first attempt after all'],
      ['answer', job.id, 'too late'],
    )
    await expect(answer).resolves.toBe('of the first attempt after all')
    await until(() => node.stats().refusals.late === 1)
    expect(node.stats().refusals).toMatchObject({ fenced: 2, late: 1 })
    await late
    expect(await listOf(redis, 'tempest')).toEqual([])
  })

  test('pushes no more often than maxAttempts says', async () => {
    const node = await makeReady()
    await redis.cli('CLIENT', 'PAUSE', 10_000, 'WRITE')
    const idsPushing = async (): Promise<string[]> =>
      (await clientsOf(redis)).flatMap(({ id, cmd }) => (cmd === 'rpush' ? id : []))
    const terms = { retry: true, maxAttempts: 2, deadlineMs: 3000 }
    const seen = await idsPushing()
    const late = expect(node.ask('tempest', 'a', [{}], terms)).rejects.toMatchObject({
      code: 'DEADLINE',
    })
    for (let attempt = 1; attempt <= 2; attempt++) {
      // By its connection: the next attempt may be there before it is seen that this one is gone.
      const id = await until(async () => (await idsPushing()).find((each) => !seen.includes(each)))
      seen.push(id)
      await redis.cli('CLIENT', 'KILL', 'ID', id)
    }
    await redis.cli('CLIENT', 'UNPAUSE')
    await late
    expect(await listOf(redis, 'tempest')).toEqual([])
  })

  test('has every call that may be retried answered while its connections are cut at random', async () => {
    const hand = new Hand(redis)
    const seen = new Set<string>()
    const cutter = cutAtRandom(redis, [await hand.redis.client('ID')])
    try {
      void hand.serve((job) => {
        seen.add(job.id.replace(/\..*/, ''))
        return job.args[0]
      })
      const node = await makeReady()
      const terms = { retry: true, maxAttempts: 100, deadlineMs: 10_000 }
      const results: unknown[] = []
      while (cutter.cuts < 25) {
        const calls = Array.from({ length: 10 }, (_, i) =>
          node.ask('tempest', 'echo', [results.length + i], terms),
        )
        results.push(...(await Promise.all(calls)))
      }
      expect(results).toEqual(results.map((_, i) => i))
      expect(seen.size).toBe(results.length)
      expect(node.stats()).toMatchObject({ inFlight: 0, heldChars: 0 })
    } finally {
      await cutter.stop()
      hand.redis.disconnect()
    }
  })

  test('tells REDIS_UNFIT of a Redis that may evict, and works once that is set right', async () => {
    await redis.cli('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
    try {
      const node = make({ redisWaitMs: 50 })
      await until(async () =>
        node.push('tempest', 'a').then(
          () => false,
          (error: unknown) => codeOf(error) === 'REDIS_UNFIT',
        ),
      )
      await expect(node.ask('tempest', 'a')).rejects.toMatchObject({
        code: 'REDIS_UNFIT',
        message: expect.stringMatching(/maxmemory-policy is allkeys-lru/),
      })
      expect(await workKeysOf(redis)).toEqual([])
    } finally {
      await redis.cli('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
    }
    const [node] = nodes
    if (node) await pushAtLast(node, 'a')
    expect(await redis.cli('LLEN', 'tempest')).toBe(1)
  })

  test('tells REDIS_UNFIT of a Redis that has become a replica, and works once it is a master again', async () => {
    const node = await makeReady({ redisWaitMs: 50 })
    const told = new Set<unknown>()
    await redis.cli('REPLICAOF', '127.0.0.1', 1)
    try {
      await until(async () => {
        await node.push('tempest', 'a').catch((error: unknown) => told.add(codeOf(error)))
        return told.has('REDIS_UNFIT')
      })
      await expect(node.ask('tempest', 'a')).rejects.toThrow('read-only replica')
    } finally {
      await redis.cli('REPLICAOF', 'NO', 'ONE')
    }
    // Refused, or never sent; but none that may have arrived.
    for (const code of told) expect(['REDIS_REFUSED', 'REDIS_UNFIT', 'REDIS_AWAY']).toContain(code)
    await pushAtLast(node, 'fresh')
    expect((await listOf(redis, 'tempest')).map((raw) => parse(raw).action)).toEqual(['fresh'])
  })

  test('tells REDIS_REFUSED of a Redis that is full, and still hears its replies', async () => {
    const hand = new Hand(redis)
    const node = await makeReady()
    const answers = Array.from({ length: 50 }, (_, i) => node.ask('tempest', 'echo', [i]))
    const jobs: WireJob[] = []
    while (jobs.length < answers.length) jobs.push(await hand.pop())
    await redis.cli('CONFIG', 'SET', 'maxmemory', 1)
    try {
      const full = { code: 'REDIS_REFUSED', status: 503, message: expect.stringContaining('OOM') }
      await expect(node.ask('tempest', 'a')).rejects.toMatchObject(full)
      await expect(node.push('tempest', 'a')).rejects.toMatchObject(full)
      // As answers of a worker are pushed: by a script that a full Redis lets run.
      const source = "#!lua flags=allow-oom\nreturn redis.call('RPUSH', KEYS[1], unpack(ARGV))"
      for (const { respondTo, id, args } of jobs) {
        const entry = JSON.stringify(['answer', id, args[0]])
        await hand.redis.eval(source, 1, String(respondTo), entry)
      }
      await expect(Promise.all(answers)).resolves.toEqual(answers.map((_, i) => i))
    } finally {
      await redis.cli('CONFIG', 'SET', 'maxmemory', 0)
    }
    const answer = node.ask('tempest', 'echo', ['again'])
    const job = await hand.pop()
    await hand.reply(job, ['answer', job.id, 'again'])
    await expect(answer).resolves.toBe('again')
    expect(node.stats().refusals).toMatchObject({ late: 0, malformed: 0 })
  })

  test('stop ends where Redis does not answer', async () => {
    const node = await makeReady()
    const answer = expect(node.ask('tempest', 'a')).rejects.toMatchObject({ code: 'STOPPING' })
    redis.freeze()
    try {
      await node.stop()
      await answer
    } finally {
      redis.thaw()
    }
  })

  test('stop settles what waits for a Redis that is away, at once, and leaves nothing in the process', async () => {
    await redis.kill()
    const handles = handlesOfProcess()
    const node = make({ redisWaitMs: 60_000 })
    const stopping = { code: 'STOPPING' }
    const ends = Promise.all([
      expect(node.ask('tempest', 'a')).rejects.toMatchObject(stopping),
      expect(node.push('tempest', 'b')).rejects.toMatchObject(stopping),
    ])
    const from = performance.now()
    await node.stop()
    await ends
    expect(performance.now() - from).toBeLessThan(5000)
    await until(() => areHandlesGone(handles))
    await redis.start()
    expect(await workKeysOf(redis)).toEqual([])
  })
})
