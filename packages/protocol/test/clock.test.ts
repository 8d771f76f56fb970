/** Redis' time by the monotonic clock, and when it is no longer believed. */
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { RedisClock } from '../src/redis/clock'

/** TIME's reply, as a link gives it. */
const time = (ms: number): Buffer[] => [
  Buffer.from(String(Math.floor(ms / 1000))),
  Buffer.from(String(Math.round((ms % 1000) * 1000))),
]

const YEAR_2030 = 1_900_000_000_000

describe("Redis' clock", () => {
  test('is this machine’s wall clock until Redis was heard, and nobody’s deadline is trusted', () => {
    const clock = new RedisClock()
    const at = performance.now()
    expect(Math.abs(clock.toRedis(at) - Date.now())).toBeLessThan(1000)
    expect(clock.trusted).toBe(false)
    expect(clock.untilMs(Date.now() - 1000)).toBe(Infinity)
  })

  test('tells Redis’ time for a moment of the monotonic clock, allowing for the way back', () => {
    const clock = new RedisClock()
    clock.observe(time(YEAR_2030), 5000, 20)
    expect(clock.trusted).toBe(true)
    expect(clock.toRedis(5000)).toBe(YEAR_2030 + 10)
    expect(clock.toRedis(8000)).toBe(YEAR_2030 + 3010)
  })

  test('tells how long it is until a deadline', () => {
    const clock = new RedisClock()
    const at = performance.now()
    clock.observe(time(YEAR_2030), at, 0)
    const until = clock.untilMs(YEAR_2030 + 60_000)
    expect(until).toBeLessThanOrEqual(60_000)
    expect(until).toBeGreaterThan(60_000 - (performance.now() - at) - 1)
    expect(clock.untilMs(YEAR_2030 - 60_000)).toBeLessThan(0)
  })

  test('follows a drift: small steps are believed however far they lead', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -900, max: 900 }), { maxLength: 50 }), (steps) => {
        const clock = new RedisClock()
        let redis = YEAR_2030
        let at = 0
        clock.observe(time(redis), at, 0)
        for (const step of steps) {
          at += 1000
          redis += 1000 + step
          clock.observe(time(redis), at, 0)
        }
        expect(clock.trusted).toBe(true)
        expect(Math.abs(clock.toRedis(at) - redis)).toBeLessThanOrEqual(1)
      }),
    )
  })

  test.each([
    ['forward', 1500],
    ['back', -1500],
  ])('is trusted no more after TIME has jumped %s', (_way, jump) => {
    const clock = new RedisClock()
    clock.observe(time(YEAR_2030), 0, 1)
    clock.observe(time(YEAR_2030 + 1000 + jump), 1000, 1)
    expect(clock.trusted).toBe(false)
    expect(clock.untilMs(0)).toBe(Infinity)
    // For good: nobody knows by which clock the deadlines that are about were stamped.
    clock.observe(time(YEAR_2030 + 2000 + jump), 2000, 1)
    expect(clock.trusted).toBe(false)
  })

  test('does not take a slow answer for a jump', () => {
    const clock = new RedisClock()
    clock.observe(time(YEAR_2030), 0, 1)
    // Redis was asked at 0, read its clock at once, and was heard 5 s later.
    clock.observe(time(YEAR_2030), 5000, 5000)
    expect(clock.trusted).toBe(true)
  })

  test('ignores what is no answer to TIME', () => {
    const clock = new RedisClock()
    clock.observe(time(YEAR_2030), 0, 0)
    const junk = fc.oneof(
      fc.constantFrom(null, undefined, 'OK', 7, [], ['x', 'y'], [null, null], [undefined, 1]),
      fc.array(fc.constantFrom('a', {}, NaN), { minLength: 2, maxLength: 3 }),
    )
    fc.assert(
      fc.property(junk, (reply) => {
        clock.observe(reply, 10, 0)
        expect(clock.trusted).toBe(true)
        expect(clock.toRedis(0)).toBe(YEAR_2030)
      }),
    )
  })
})
