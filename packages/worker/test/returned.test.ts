/** A worker that was taken for dead and is here again: an old note of its death takes nothing from it. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createNode, keys, silentLogger } from '@tempest/protocol'
import type { Redis } from 'ioredis'
import { describeWithRedis, startTestRedis, type TestRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import { monitor } from '../../../test/helpers/watch'
import { createWorker } from '../src'

describeWithRedis('a worker that is here again', () => {
  let server: TestRedis
  let redis: Redis

  beforeAll(async () => {
    server = await startTestRedis()
    redis = server.client()
  })
  afterAll(() => server.stop())

  test('keeps what it runs where its sweeper noted its death only after its return', async () => {
    const boots: string[] = []
    let release = (): void => undefined
    const released = new Promise<void>((resolve) => (release = resolve))
    const workers = [0, 1].map(() => {
      const worker = createWorker({ queues: ['q'], redis: server.url, logger: silentLogger })
      return worker.on('do', async () => {
        boots.push(worker.stats().boot)
        await released
        return 'done'
      })
    })
    const node = createNode({ redis: server.url, logger: silentLogger })
    try {
      await Promise.all(workers.map((worker) => worker.start()))
      const answer = node.ask('q', 'do', [{}])
      const boot = await until(() => boots[0])
      const record: unknown = JSON.parse(String(await redis.hget(keys.nodes, boot)))
      // What a sweeper writes first, and last of all.
      const grave = JSON.stringify(Object.assign({}, record, { since: 1, until: 9e15 }))
      await redis.hset(keys.gone, boot, grave, `${boot}:swept`, 1)
      await until(async () => (await redis.hexists(keys.gone, boot)) === 0, 10_000)
      expect(await redis.lrange(keys.held('q', boot), 0, -1)).toHaveLength(1)
      release()
      expect(await answer).toBe('done')
      expect(boots).toEqual([boot])
    } finally {
      release()
      await node.stop()
      await Promise.all(workers.map((worker) => worker.stop()))
    }
  })

  test('names a job of a further attempt for as long as it holds it, also where its removal is refused at first', async () => {
    const id = '0123456789abcdef-1-00000000.2'
    let release = (): void => undefined
    const released = new Promise<void>((resolve) => (release = resolve))
    const boots: string[] = []
    const worker = createWorker({ queues: ['r'], redis: server.url, logger: silentLogger })
    worker.on('do', async () => {
      boots.push(worker.stats().boot)
      await released
      return 'done'
    })
    const { lines, stop } = await monitor(server)
    try {
      await worker.start()
      await redis.rpush('r', JSON.stringify(['do', [{}], keys.mailbox('0123456789abcdef'), id]))
      const begun = await until(() => boots[0])
      const marks = keys.suspects('r', begun)
      expect(await redis.sismember(marks, `+${id}`)).toBe(1)
      lines.length = 0
      // As after a standstill of Redis in which nobody could say that he is there.
      await redis.zrem(keys.workers('r'), begun)
      release()
      await until(async () => (await redis.llen(keys.held('r', begun))) === 0)
      await until(async () => (await redis.exists(marks)) === 0)
      const unnames = (line: string): boolean =>
        /^"(srem|del)" /i.test(line) && line.includes(`"${marks}"`)
      // What Redis has carried out, its monitor may tell later.
      await until(() => lines.some(unnames))
      const removed = lines.findIndex((line) => /^"(lpop|lrem)"/i.test(line))
      const unnamed = lines.findIndex(unnames)
      expect(removed).toBeGreaterThan(-1)
      expect(unnamed).toBeGreaterThan(removed)
    } finally {
      release()
      stop()
      await worker.stop()
    }
  })
})
