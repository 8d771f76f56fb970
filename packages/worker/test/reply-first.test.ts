/** A job stays in the held list until its reply is in Redis: a worker that dies in between loses nothing (P-74). */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { silentLogger } from '@tempest/protocol'
import type { Redis } from 'ioredis'
import { describeWithRedis, startTestRedis, type TestRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import { createWorker } from '../src'

describeWithRedis('a worker whose reply Redis does not take yet', () => {
  let server: TestRedis
  let redis: Redis

  beforeAll(async () => {
    server = await startTestRedis()
    redis = server.client()
  })
  afterAll(() => server.stop())

  test('keeps the job held, while others come and go, and removes it once the reply is there', async () => {
    const rights = ['on', '>secret', '+@all', '&*', '~q', '~{q}:*', '~tempest:*']
    await redis.call('ACL', 'SETUSER', 'worker', ...rights)
    const worker = createWorker({
      queues: ['q'],
      redis: `redis://worker:secret@127.0.0.1:${server.port}`,
      logger: silentLogger,
    }).on('do', () => 'done')
    await worker.start()
    const held = (): Promise<string[]> => redis.lrange(`{q}:held:${worker.stats().boot}`, 0, -1)
    try {
      const first = '["do",[],"answers","1"]'
      await redis.rpush('q', first)
      await until(() => worker.stats().unconfirmed === 1)
      await redis.rpush('q', '["do",[],"tempest:mailbox:x","2"]')
      await until(async () => (await redis.llen('tempest:mailbox:x')) === 1)
      await until(async () => (await held()).length <= 1)
      expect(await held()).toEqual([first])
      await redis.call('ACL', 'SETUSER', 'worker', '~answers')
      await until(async () => (await redis.llen('answers')) === 1)
      await until(async () => (await held()).length === 0)
    } finally {
      await redis.call('ACL', 'SETUSER', 'worker', '~*')
      await worker.stop()
    }
  })
})
