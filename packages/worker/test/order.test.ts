/** In which order the lists of a queue are taken from. */
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { checkOrder, quotas } from '../src/order'

const weight = fc.oneof(
  fc.constant(0),
  fc.integer({ min: 1, max: 1000 }),
  fc.double({ min: 0.01, max: 50, noNaN: true }),
)
const weights = fc
  .record({ high: weight, normal: weight, low: weight })
  .filter(({ high, normal, low }) => high + normal + low > 0)

describe('strict order', () => {
  test('gives all to high, then to normal, then to low', () => {
    fc.assert(
      fc.property(fc.nat(500), (n) => {
        expect(quotas('strict', n)).toEqual([n, n, n])
      }),
    )
  })
})

describe('weighted order', () => {
  test('shares out exactly n: each list gets its share, rounded up or down', () => {
    fc.assert(
      fc.property(
        weights,
        fc.nat(500),
        fc.array(fc.double({ min: 0, max: 0.999999, noNaN: true }), { minLength: 3 }),
        (order, n, lots) => {
          let drawn = 0
          const given = quotas(order, n, () => lots[drawn++ % lots.length] ?? 0)
          const sum = order.high + order.normal + order.low
          expect(given.reduce((a, b) => a + b)).toBe(n)
          const shares = [order.high, order.normal, order.low].map((each) => (n * each) / sum)
          given.forEach((count, i) => {
            const share = shares[i] ?? 0
            expect(Math.abs(count - share)).toBeLessThan(1 + 1e-6)
          })
        },
      ),
    )
  })

  test('gives a list of weight 0 nothing', () => {
    fc.assert(
      fc.property(fc.nat(500), fc.double({ min: 0, max: 0.999999, noNaN: true }), (n, lot) => {
        expect(quotas({ high: 0, normal: 3, low: 1 }, n, () => lot)[0]).toBe(0)
      }),
    )
  })

  test('lets each list come first as often as its weight says, also where only one job is taken', () => {
    // The lots are spread evenly, so that the counts are exact and not a matter of luck.
    const counts = [0, 0, 0]
    for (let i = 0; i < 600; i++) {
      quotas({ high: 3, normal: 2, low: 1 }, 1, () => (i + 0.5) / 600).forEach((n, list) => {
        counts[list] = (counts[list] ?? 0) + n
      })
    }
    expect(counts).toEqual([300, 200, 100])
  })
})

describe('an order', () => {
  test('is strict, or three weights', () => {
    expect(checkOrder('strict')).toBe('strict')
    expect(checkOrder({ high: 6, normal: 3, low: 0.5 })).toEqual({ high: 6, normal: 3, low: 0.5 })
    expect(checkOrder({ high: 0, normal: 1, low: 0 })).toEqual({ high: 0, normal: 1, low: 0 })
  })

  test.each([
    undefined,
    null,
    'weighted',
    7,
    {},
    [],
    [1, 2, 3],
    { high: 1, normal: 1 },
    { high: 0, normal: 0, low: 0 },
    { high: -1, normal: 2, low: 1 },
    { high: NaN, normal: 1, low: 1 },
    { high: Infinity, normal: 1, low: 1 },
    { high: Number.MAX_VALUE, normal: Number.MAX_VALUE, low: 1 },
    { high: '1', normal: 1, low: 1 },
  ])('is not %j: a TypeError that names it', (order) => {
    expect(() => checkOrder(order)).toThrow(TypeError)
    expect(() => checkOrder(order)).toThrow('order')
  })
})
