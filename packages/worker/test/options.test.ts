/** Options and handlers of a worker: what is wrong is a TypeError that names it. */
import { describe, expect, test } from '@jest/globals'
import { createWorker, workerDefaults } from '../src/index'
import { resolveWorkerOptions } from '../src/options'

const redis = 'redis://127.0.0.1:1'

describe('options of a worker', () => {
  test('have defaults', () => {
    expect(workerDefaults).toEqual({
      queues: ['tempest'],
      concurrency: 64,
      order: 'strict',
      retryBudget: 0.1,
      direct: true,
      stopMs: 25_000,
    })
    expect(resolveWorkerOptions({ redis })).toMatchObject({
      ...workerDefaults,
      direct: { password: undefined },
      node: { redis, redisWaitMs: 1000 },
    })
  })

  test.each([
    ['options', undefined],
    ['redis', {}],
    ['redis', { redis: 'localhost' }],
    ['keyPrefix', { redis: { keyPrefix: 'a:' } }],
    ['logger', { redis, logger: {} }],
    ['redisWaitMs', { redis, redisWaitMs: -1 }],
    ['queues', { redis, queues: [] }],
    ['queues', { redis, queues: 'tempest' }],
    ['queues', { redis, queues: ['a', 'b', 'a'] }],
    ['queue name', { redis, queues: ['a', 'b:c'] }],
    ['queue name', { redis, queues: [''] }],
    ['queue name', { redis, queues: [7] }],
    ['concurrency', { redis, concurrency: 0 }],
    ['concurrency', { redis, concurrency: 1.5 }],
    ['concurrency', { redis, concurrency: '64' }],
    ['concurrency', { redis, concurrency: 100_001 }],
    ['order', { redis, order: 'weighted' }],
    ['order', { redis, order: { high: 1 } }],
    ['stopMs', { redis, stopMs: -1 }],
    ['stopMs', { redis, stopMs: Infinity }],
  ])('wrong: a TypeError names %s, given %j', (name, options) => {
    const made = (): void => {
      Reflect.apply(createWorker, undefined, [options])
    }
    expect(made).toThrow(TypeError)
    expect(made).toThrow(name)
  })
})

describe('handlers of a worker', () => {
  const on = (...args: unknown[]): (() => void) => {
    const worker = createWorker({ redis }).on('add', () => 1)
    return () => void Reflect.apply(worker.on, worker, args)
  }

  test('are set one by one, in a chain', () => {
    const worker = createWorker({ redis })
    expect(worker.on('url', () => '').on('multiply', () => 1)).toBe(worker)
  })

  test.each<[string, unknown[]]>([
    ['a verb’s name', ['answer', () => 1]],
    ['another verb’s name', ['lost', () => 1]],
    ['an empty name', ['', () => 1]],
    ['a name that is none', [7, () => 1]],
    ['no handler', ['multiply']],
    ['a handler that is no function', ['multiply', {}]],
    ['a second handler', ['add', () => 2]],
  ])('are refused with a TypeError: %s', (_what, args) => {
    expect(on(...args)).toThrow(TypeError)
  })
})
