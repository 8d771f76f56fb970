/** Entries of a queue that are no jobs: kept as they were, told to whom can be told, and the loop goes on. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { cutAtRandom } from '../../../test/helpers/cut'
import { describeWithRedis, startTestRedis, type TestRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import { clientsOf, keysOf, listOf } from '../../../test/helpers/watch'
import { createWorker, type Worker } from '../src/index'
import { Asker } from './asker'

describeWithRedis('what is no job', () => {
  let redis: TestRedis
  let asker: Asker
  let worker: Worker

  const dead = (): Promise<Buffer[]> => asker.redis.lrangeBuffer('{tempest}:dead', 0, -1)
  const heldKeys = async (): Promise<string[]> =>
    (await keysOf(redis)).filter((key) => key.includes(':held:') || key === 'tempest')

  beforeAll(async () => {
    redis = await startTestRedis()
    asker = new Asker(redis)
    worker = createWorker({ redis: redis.url }).on('echo', (args) => args)
    await worker.start()
  })
  afterEach(() => redis.cli('DEL', '{tempest}:dead', asker.mailbox))
  afterAll(async () => {
    await worker.stop()
    await redis.stop()
  })

  test('goes to the dead list byte for byte, newest first, and the jobs around it are answered', async () => {
    const entries = [
      Buffer.from(''),
      Buffer.from('hello'),
      Buffer.from('{}'),
      Buffer.from('["echo",[],null]'),
      Buffer.from([0xff, 0xfe, 0x00]),
      Buffer.from([0x94, 0xa4, 0x65, 0x63, 0x68, 0x6f, 0x91, 0xc1, 0xc0, 0xa1, 0x78]),
    ]
    for (const [i, entry] of entries.entries()) {
      await asker.push('tempest', entry, asker.job('echo', [i]))
    }
    const replies = await asker.replies(entries.length)
    expect(replies.map(({ third }) => third)).toEqual(entries.map((_, i) => [i]))
    await until(async () => (await dead()).length === entries.length)
    expect((await dead()).reverse()).toEqual(entries)
    await until(async () => (await heldKeys()).length === 0)
  })

  test('is told to whoever can be told, with BAD_REQUEST', async () => {
    const wrong = [
      ['answer', [], asker.mailbox, 'a'],
      ['', [], asker.mailbox, 'b'],
      ['echo', {}, asker.mailbox, 'c'],
      [7, [], asker.mailbox, 8],
    ]
    await asker.push('tempest', ...wrong.map((entry) => JSON.stringify(entry)))
    const replies = await asker.replies(4)
    expect(replies.map(({ id }) => id)).toEqual(['a', 'b', 'c', '8'])
    for (const { verb, third } of replies) {
      expect([verb, third]).toMatchObject(['fail', { code: 'BAD_REQUEST', status: 400 }])
    }
    expect(worker.stats().malformed).toMatchObject({ 'action is a verb': 1, action: 2, args: 1 })
  })

  test('does not stop the worker, whatever it is', async () => {
    const part = fc.oneof(fc.jsonValue(), fc.constantFrom('echo', 'url', 'fail', asker.mailbox))
    const entry = fc.oneof(
      fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
      fc.array(part, { minLength: 3, maxLength: 5 }).map((it) => Buffer.from(JSON.stringify(it))),
    )
    const entries = fc.sample(entry, 500)
    for (let i = 0; i < entries.length; i += 50) {
      await asker.push('tempest', ...entries.slice(i, i + 50))
    }
    await asker.push(
      'tempest',
      asker.job('echo', ['still here'], { respondTo: 'tempest:mailbox:last' }),
    )
    await until(async () => (await redis.cli('LLEN', 'tempest:mailbox:last')) === 1)
    await redis.cli('DEL', 'tempest:mailbox:last')
    await until(async () => (await heldKeys()).length === 0)
  })

  test('is kept a thousand times, not more', async () => {
    const entries = Array.from({ length: 1200 }, (_, i) => `entry ${i}`)
    await asker.push('tempest', ...entries)
    await until(async () => String((await dead())[0]) === 'entry 1199')
    expect((await dead()).map(String)).toEqual(entries.slice(200).reverse())
  })

  test('that could not be kept is held until it can be', async () => {
    await redis.cli('SET', '{tempest}:dead', 'not a list')
    await asker.push('tempest', 'one', 'two', asker.job('echo', ['goes on']))
    expect(await asker.replies(1)).toMatchObject([{ third: ['goes on'] }])
    const held = `{tempest}:held:${worker.stats().boot}`
    await until(async () => (await listOf(redis, held)).join() === 'one,two')
    await redis.cli('DEL', '{tempest}:dead')
    for (const { id, blocked } of await clientsOf(redis)) {
      if (blocked) await redis.cli('CLIENT', 'KILL', 'ID', id)
    }
    await until(async () => (await dead()).map(String).sort().join() === 'one,two')
    await until(async () => (await heldKeys()).length === 0)
  })

  test('is lost to no broken connection: it is in the dead list, and not held for ever', async () => {
    const cutter = cutAtRandom(redis, [await asker.redis.client('ID')])
    const entries: string[] = []
    try {
      while (cutter.cuts < 15 && entries.length < 900) {
        const more = Array.from({ length: 10 }, (_, i) => `entry ${entries.length + i}`)
        entries.push(...more)
        await asker.push('tempest', ...more)
        await until(async () => (await asker.redis.llen('tempest')) === 0)
      }
    } finally {
      await cutter.stop()
    }
    await until(async () => (await heldKeys()).length === 0)
    const kept = new Set((await dead()).map(String))
    expect(entries.filter((entry) => !kept.has(entry))).toEqual([])
  })
})
