/** The kit against workers: ours keeps every rule; each that breaks one is caught on that one, and on no other. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { describeWithRedis, startTestRedis, type TestRedis } from '../../../test/helpers/redis'
import { runWorkerCases, workerCases } from '../src'
import { commandOf, inTurns, rulesOf, rulesOrWords, saidOf } from './running'

/** Broken, of a simple worker → the rules that it breaks. */
const simple: Record<string, string[]> = {
  number: ['P-10'],
  'nobody waits': ['P-10'],
  brace: ['P-10'],
  'number as list': ['P-15'],
  suffix: ['P-31'],
  ascii: ['P-30'],
  'white space': ['P-5'],
  metadata: ['P-13'],
  malformed: ['P-15'],
  'no handler': ['P-11'],
  failure: ['P-42'],
  bytes: ['P-20'],
  url: ['P-12'],
  cookies: ['P-41'],
  twice: ['P-32'],
  newest: ['P-70'],
}
const safe: Record<string, string[]> = {
  hold: ['P-71'],
  removal: ['P-15'],
  beat: ['P-101'],
  'slow beats': ['P-101'],
  orphan: ['P-101'],
  seconds: ['P-76'],
  record: ['P-100'],
  'newest held': ['P-70'],
}
/** What can be seen on a private Redis only. */
const watched: Record<string, string[]> = {
  'for ever': ['P-70'],
  'late reply': ['P-73', 'P-74'],
  'full Redis': ['P-74'],
  late: ['P-77'],
}
/** Of what it does with MessagePack, where it is said to read it; the first one does not. */
const packed: Record<string, string[]> = {
  'JSON only': ['P-25'],
  bin: ['P-26'],
  text: ['P-73'],
}
const quick = 5000
/** Rules whose cases are many or slow, tried where a break is about them. */
const slow = ['P-32', 'P-51', 'P-70', 'P-100', 'P-101']

describeWithRedis('the kit against a worker', () => {
  let redis: TestRedis
  beforeAll(async () => {
    redis = await startTestRedis()
  })
  afterAll(() => redis.stop())

  test('finds that ours keeps every rule, on a Redis of its own that is started again', async () => {
    const run = { command: commandOf('worker'), app: true, msgpack: true }
    const report = await runWorkerCases(run)
    expect(saidOf(report)).toEqual([])
    expect(report).toMatchObject({ level: 'full', failed: 0, advice: 0, skipped: 0 })
    expect(report.passed).toBe(workerCases({ msgpack: true }).length)
  })

  test('finds that one of nobody’s library keeps the rules of its level, and skips the others with their reason', async () => {
    await inTurns(2, ['simple', 'safe'], async (level) => {
      const env = { ...process.env, LEVEL: level, MSGPACK: '1' }
      const run = { command: commandOf('other'), env, redis: redis.url, msgpack: true }
      const report = await runWorkerCases(run)
      expect(saidOf(report)).toEqual([])
      expect(report).toMatchObject({ level, failed: 0 })
      const skipped = report.cases.filter(({ verdict }) => verdict === 'skip')
      expect(skipped.every(({ reason }) => reason !== undefined && reason !== '')).toBe(true)
      expect(rulesOf(report, 'advice')).toContain('P-14')
    })
    expect(await redis.cli('KEYS', '*conformance*')).toEqual([])
  })

  test('catches each worker that breaks a rule on that rule', async () => {
    const found: Record<string, string[]> = {}
    const broken = [...Object.keys(simple), ...Object.keys(safe)]
    await inTurns(4, broken, async (name) => {
      const level = name in simple ? 'simple' : 'safe'
      const env = { ...process.env, LEVEL: level, BREAK: name }
      const command = commandOf('other')
      const table = level === 'simple' ? simple : safe
      const only = Object.values(table).flat()
      const except = slow.filter((rule) => table[name]?.includes(rule) !== true)
      const run = { command, env, redis: redis.url, timeoutMs: quick, level } as const
      const report = await runWorkerCases({ ...run, except, only })
      found[name] = rulesOrWords(report, table[name])
    })
    expect(found).toEqual({ ...simple, ...safe })
  })

  test('catches on a private Redis what only its commands show', async () => {
    const found: Record<string, string[]> = {}
    await inTurns(2, Object.keys(watched), async (name) => {
      const level = name === 'for ever' ? 'simple' : 'safe'
      const env = { ...process.env, LEVEL: level, BREAK: name }
      const run = { command: commandOf('other'), env, level } as const
      const only = ['P-70', 'P-73', 'P-74', 'P-77']
      found[name] = rulesOrWords(await runWorkerCases({ ...run, only }), watched[name])
    })
    expect(found).toEqual(watched)
  })

  test('catches each worker that is wrong about MessagePack', async () => {
    const found: Record<string, string[]> = {}
    await inTurns(3, Object.keys(packed), async (name) => {
      const level = name === 'text' ? 'safe' : 'simple'
      const MSGPACK = name === 'JSON only' ? '' : '1'
      const env = { ...process.env, LEVEL: level, BREAK: name, MSGPACK }
      // One that finds no end of the first job answers no other either.
      const only = name === 'text' ? ['P-73'] : ['P-25', ...(packed[name] ?? [])]
      const run = { command: commandOf('other'), env, redis: redis.url, timeoutMs: quick }
      const report = await runWorkerCases({ ...run, level, only, msgpack: true })
      found[name] = rulesOrWords(report, packed[name])
    })
    expect(found).toEqual(packed)
  })

  test('loses no job to a worker that it has killed, where Redis hears of that late', async () => {
    const run = { command: commandOf('lingers'), redis: redis.url, timeoutMs: quick }
    const report = await runWorkerCases({ ...run, only: ['P-70', 'P-40'] })
    expect(rulesOf(report)).toEqual(['P-70'])
    expect(rulesOf(report, 'pass')).toEqual(['P-40'])
  })

  test('says of a command that is no worker what it said', async () => {
    const command = [process.execPath, '-e', 'console.error("no such thing"); process.exit(3)']
    await expect(runWorkerCases({ command, redis: redis.url })).rejects.toThrow(
      /ended with 3\. no such thing/,
    )
  })
})
