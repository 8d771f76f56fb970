/** Ids: where they come from, and that what a foreign program sends as one is read without harm. */
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { attemptId, bootOf, createBoot, createIds, numberOf, splitId } from '../src/wire/ids'

describe('a base id', () => {
  test('is <boot>-<n>-<random>: boot and random are 16 hexadecimal characters each', () => {
    const boot = createBoot()
    const next = createIds(boot)
    expect(boot).toMatch(/^[0-9a-f]{16}$/)
    fc.assert(
      fc.property(fc.nat(2 ** 31), (n) => {
        const id = next(n)
        expect(id).toMatch(/^[0-9a-f]{16}-[0-9a-z]+-[0-9a-f]{16}$/)
        expect(bootOf(id)).toBe(boot)
        expect(numberOf(id)).toBe(n)
      }),
    )
  })

  test('is never made twice, also where the same number is used again', () => {
    const next = createIds(createBoot())
    // More than one pool of random bytes serves.
    const ids = Array.from({ length: 5000 }, () => next(7))
    expect(new Set(ids).size).toBe(5000)
  })

  test('of another process differs in its boot', () => {
    expect(new Set(Array.from({ length: 1000 }, createBoot)).size).toBe(1000)
  })

  test('does not tell the random part of the next one', () => {
    const next = createIds('b')
    const randoms = Array.from({ length: 2000 }, () => next(0).slice('b-0-'.length))
    for (let at = 0; at < 16; at++) {
      // Each of 16 digits stands at each place about 125 times; a constant or a counter would show.
      expect(new Set(randoms.map((random) => random[at])).size).toBe(16)
    }
  })
})

describe('an id with its attempt', () => {
  test('is the base id itself for the first attempt, and has .2, .3 behind it for further ones', () => {
    expect([1, 2, 3, 17].map((n) => attemptId('b-1-r', n))).toEqual([
      'b-1-r',
      'b-1-r.2',
      'b-1-r.3',
      'b-1-r.17',
    ])
  })

  test('splits into the base and the attempt it was made of', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31), fc.integer({ min: 1, max: 100 }), (n, attempt) => {
        const base = createIds('0123456789abcdef')(n)
        expect(splitId(attemptId(base, attempt))).toEqual({ base, attempt })
      }),
    )
  })

  test.each(['a.', 'a.1', 'a.0', 'a.-2', 'a.2.5x', 'a.x', 'a.NaN', 'a.Infinity', '.', '', 'a..1'])(
    '%j has no attempt behind its point: all of it is the base',
    (id) => {
      expect(splitId(id)).toEqual({ base: id, attempt: 1 })
    },
  )

  test.each(['a.2e0', 'a. 2', 'a.0x2', 'a.+2', 'a.02', 'a.2.0', 'a.1e300'])(
    '%j is not how an attempt is written: all of it is the base',
    (id) => {
      expect(splitId(id)).toEqual({ base: id, attempt: 1 })
    },
  )

  test('may be anything where a foreign program made it: reading it never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (id) => {
        const { base, attempt } = splitId(id)
        expect(attempt === 1 ? base : `${base}.${attempt}`).toBe(id)
        expect(id.startsWith(bootOf(id))).toBe(true)
        expect(typeof numberOf(id)).toBe('number')
      }),
      { numRuns: 500 },
    )
  })

  test('without a number has NaN for it', () => {
    expect(['', 'plain', '-', 'a--b', 'a-.-b'].map(numberOf)).toEqual([NaN, NaN, NaN, NaN, NaN])
  })
})
