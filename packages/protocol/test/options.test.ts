/** Options are checked once, at the entrance: what is wrong is a TypeError that names the option. */
import { describe, expect, test } from '@jest/globals'
import { Redis } from 'ioredis'
import { resolveAsk } from '../src/exchange/ask'
import { createNode } from '../src/index'
import { checkInteger, checkNumber, nodeDefaults, resolveNodeOptions } from '../src/options'
import { silentLogger } from '../src/logger'

const redis = 'redis://127.0.0.1:1'

/** Calls with what TypeScript would not let through. */
const withOptions = (call: (options: never) => unknown, options: unknown) => (): void => {
  Reflect.apply(call, undefined, [options])
}

describe('options of a node', () => {
  test('have defaults', () => {
    expect(resolveNodeOptions({ redis })).toEqual({
      redis,
      logger: silentLogger,
      redisWaitMs: nodeDefaults.redisWaitMs,
      patienceMs: nodeDefaults.patienceMs,
    })
    expect(nodeDefaults).toEqual({ redisWaitMs: 1000, patienceMs: 2500 })
  })

  test.each([
    'redis://localhost',
    'rediss://user:password@host:6380/1',
    'unix:///run/redis.sock',
    '/run/redis.sock',
  ])('redis may be %s', (url) => {
    expect(resolveNodeOptions({ redis: url }).redis).toBe(url)
  })

  test.each([
    ['options', undefined],
    ['options', null],
    ['options', 'redis://localhost'],
    ['redis', {}],
    ['redis', { redis: undefined }],
    ['redis', { redis: null }],
    ['redis', { redis: 6379 }],
    ['redis', { redis: '' }],
    ['redis', { redis: 'localhost:6379' }],
    ['redis', { redis: 'http://localhost' }],
    ['logger', { redis, logger: {} }],
    ['logger', { redis, logger: console.log }],
    ['logger', { redis, logger: { ...silentLogger, warn: 'loud' } }],
    ['redisWaitMs', { redis, redisWaitMs: -1 }],
    ['redisWaitMs', { redis, redisWaitMs: NaN }],
    ['redisWaitMs', { redis, redisWaitMs: Infinity }],
    ['redisWaitMs', { redis, redisWaitMs: '1000' }],
    ['redisWaitMs', { redis, redisWaitMs: 2 ** 40 }],
    ['maxInFlight', { redis, maxInFlight: 0 }],
    ['maxInFlight', { redis, maxInFlight: 1.5 }],
    ['maxInFlight', { redis, maxInFlight: '7' }],
    ['keyPrefix', { redis: { keyPrefix: 'a:' } }],
    ['keyPrefix', { redis: `${redis}?keyPrefix=a:` }],
    ['Cluster', { redis: { isCluster: true } }],
  ])('wrong: a TypeError names %s, given %j', (name, options) => {
    const made = withOptions(createNode, options)
    expect(made).toThrow(TypeError)
    expect(made).toThrow(name)
  })

  test('an instance with a keyPrefix is refused as well', () => {
    const instance = new Redis(redis, { lazyConnect: true, keyPrefix: 'a:' })
    expect(() => createNode({ redis: instance })).toThrow('keyPrefix')
    instance.disconnect()
  })
})

describe('options of a call', () => {
  test('have defaults', () => {
    expect(resolveAsk({})).toEqual({
      deadlineMs: 30_000,
      priority: 'normal',
      retry: false,
      maxAttempts: 3,
    })
  })

  test.each([
    ['deadlineMs', { deadlineMs: 0 }],
    ['deadlineMs', { deadlineMs: NaN }],
    ['deadlineMs', { deadlineMs: '5' }],
    ['deadlineMs', { deadlineMs: Infinity }],
    ['priority', { priority: 'urgent' }],
    ['priority', { priority: null }],
    ['retry', { retry: 'method' }],
    ['retry', { retry: null }],
    ['signal', { signal: {} }],
    ['signal', { signal: 'abort' }],
    ['maxAttempts', { maxAttempts: 0 }],
    ['maxAttempts', { maxAttempts: 1.5 }],
    ['maxAttempts', { maxAttempts: 101 }],
  ])('wrong: a TypeError names %s, given %j', (name, options) => {
    const resolved = withOptions(resolveAsk, options)
    expect(resolved).toThrow(TypeError)
    expect(resolved).toThrow(name)
  })
})

describe('a number', () => {
  test('is taken where it is within its bounds, both included', () => {
    expect([1, 2.5, 4].map((n) => checkNumber('n', n, 1, 4))).toEqual([1, 2.5, 4])
    expect(checkInteger('n', 4, 1, 4)).toBe(4)
  })

  test.each([0.99, 4.01, NaN, Infinity, -Infinity, '2', null, undefined, 2n, {}])(
    'is refused where it is %p',
    (value) => {
      expect(() => checkNumber('many', value, 1, 4)).toThrow(TypeError)
      expect(() => checkNumber('many', value, 1, 4)).toThrow('many')
    },
  )

  test('is refused where it should be whole and is not', () => {
    expect(() => checkInteger('many', 2.5, 1, 4)).toThrow('many: use a whole number')
  })
})
