/** The kit against fronts: ours keeps every rule; each that breaks one is caught on that one, and on no other. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { describeWithRedis, startTestRedis, type TestRedis } from '../../../test/helpers/redis'
import { runFrontCases } from '../src'
import { inTurns, rulesOrWords, saidOf, startFront } from './running'

/** Broken → the rules that it breaks (programs/breaks.mjs). */
const broken: Record<string, string[]> = {
  'five elements': ['P-10'],
  'names of headers in capitals': ['P-12'],
  'bytes as text': ['P-20'],
  'metadata from a header': ['P-13'],
  'a deadline in seconds': ['P-14'],
  'an epoch of its own': ['P-112'],
  'any status': ['P-41'],
  'base64 that is lenient': ['P-21'],
  'messages for clients': ['P-42'],
  'numbers of chunks': ['P-132'],
  'attempts of answers': ['P-32'],
  'verbs in capitals': ['P-43'],
  'failures that look like an end': ['P-133'],
  'an alias that it does not know': ['P-41'],
  'no cancels': ['P-52'],
  'no pause': ['P-134'],
  'JSON for everybody': ['P-81'],
  'no MessagePack': ['P-25', 'P-26', 'P-41'],
  'bin as text': ['P-25', 'P-26'],
}
/** They take their time: tried where the break is about them. */
const slow = ['P-40', 'P-101', 'P-123', 'P-124', 'P-125', 'P-140', 'P-141', 'P-14', 'P-52', 'P-134']

describeWithRedis('the kit against a front', () => {
  let redis: TestRedis
  beforeAll(async () => {
    redis = await startTestRedis()
  })
  afterAll(() => redis.stop())

  test('finds that ours keeps every rule in both encodings, also where it listens itself', async () => {
    await inTurns(2, ['json', 'msgpack'], async (encoding) => {
      const front = await startFront(redis.url, encoding, { DIRECT: '1', ENCODING: encoding })
      try {
        const report = await runFrontCases({ url: front.url, redis: redis.url, queue: encoding })
        expect(saidOf(report)).toEqual([])
        expect(report).toMatchObject({ encoding, failed: 0, advice: 0, skipped: 0 })
        expect(report.passed).toBeGreaterThan(150)
      } finally {
        await front.stop()
      }
    })
  })

  test('catches each front that breaks a rule on that rule', async () => {
    const found: Record<string, string[]> = {}
    await inTurns(3, Object.keys(broken), async (name) => {
      const queue = name.replaceAll(' ', '-')
      const front = await startFront(redis.url, queue, { BREAK: name })
      try {
        const run = { url: front.url, redis: redis.url, queue }
        const except = slow.filter((rule) => broken[name]?.includes(rule) !== true)
        found[name] = rulesOrWords(await runFrontCases({ ...run, except }), broken[name])
      } finally {
        await front.stop()
      }
    })
    expect(found).toEqual(broken)
  })

  test('says of a front whose jobs do not come that they do not come', async () => {
    const front = await startFront(redis.url, 'elsewhere')
    try {
      const run = { url: front.url, redis: redis.url, queue: 'here', timeoutMs: 300 }
      await expect(runFrontCases(run)).rejects.toThrow(/makes no job in the queue here/)
    } finally {
      await front.stop()
    }
  })
})
