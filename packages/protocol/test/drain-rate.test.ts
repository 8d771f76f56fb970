/** How fast a list drains, as far as that can be seen: never from demand, never from a stall, close to the truth where it counts. */
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { DrainRate, ReplyRate } from '../src/queue/drain-rate'

/** Looks every `everyMs` from `from` on at something that drains `left(at)` in all by then; @returns when it ended. */
function watch(
  rate: DrainRate,
  from: number,
  looks: readonly number[],
  left: (at: number) => number,
): number {
  let at = from
  for (const ms of looks) {
    rate.observe(at, at + ms, left(at + ms) - left(at))
    at += ms
  }
  return at
}

const every = (ms: number, count: number): number[] => new Array<number>(count).fill(ms)
const steady =
  (perSecond: number) =>
  (at: number): number =>
    Math.floor((at * perSecond) / 1000)

test('is not known before anything was seen, nor from a single look', () => {
  const rate = new DrainRate()
  expect([rate.known(0), rate.perSecond(0)]).toEqual([false, 0])
  rate.observe(0, 100, 50)
  expect([rate.known(100), rate.perSecond(100)]).toEqual([false, 500])
})

test('is what left by the time, whatever the looks are like, once it is known', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 20_000 }),
      fc.array(fc.integer({ min: 50, max: 1000 }), { minLength: 10, maxLength: 60 }),
      fc.integer({ min: 0, max: 1_000_000 }),
      (perSecond, looks, from) => {
        const rate = new DrainRate()
        const at = watch(rate, from, looks, steady(perSecond))
        const seen = steady(perSecond)(at) - steady(perSecond)(from)
        if (seen < 20) return
        expect(rate.known(at)).toBe(true)
        expect(rate.perSecond(at) / perSecond).toBeGreaterThan(0.7)
        expect(rate.perSecond(at) / perSecond).toBeLessThan(1.4)
      },
    ),
  )
})

test('is known of few slots with slow handlers, whose drains come with pauses', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 64 }),
      fc.integer({ min: 600, max: 4000 }),
      fc.constantFrom(100, 1000),
      (slots, handlerMs, look) => {
        const rate = new DrainRate()
        // All end at once, the worst there is.
        const left = (at: number): number => Math.floor(at / handlerMs) * slots
        const at = watch(rate, 1, every(look, Math.ceil((handlerMs * 12) / look)), left)
        expect(rate.known(at)).toBe(true)
        const ratio = rate.perSecond(at) / ((slots * 1000) / handlerMs)
        expect(ratio).toBeGreaterThan(0.6)
        expect(ratio).toBeLessThan(1.7)
      },
    ),
    // A look that falls between two drains.
    { examples: [[1, 1084, 1000]] },
  )
})

test('is not known while nothing drains, and what it was before does not count after', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 20, max: 5000 }),
      fc.integer({ min: 7, max: 100 }),
      fc.integer({ min: 20, max: 5000 }),
      (before, stalledLooks, after) => {
        const rate = new DrainRate()
        let at = watch(rate, 0, every(100, 30), steady(before))
        expect(rate.known(at)).toBe(true)
        at = watch(rate, at, every(100, stalledLooks), () => 0)
        expect([rate.known(at), rate.perSecond(at)]).toEqual([false, 0])
        at = watch(rate, at, every(100, 20), steady(after))
        expect(rate.known(at)).toBe(true)
        expect(rate.perSecond(at) / after).toBeGreaterThan(0.7)
        expect(rate.perSecond(at) / after).toBeLessThan(1.4)
      },
    ),
  )
})

test('is never known where nothing ever left, and never negative, whatever it is told', () => {
  const drained = fc.oneof(fc.constant(0), fc.integer({ min: -500, max: 500 }))
  const look = fc.record({ gap: fc.nat(20_000), ms: fc.nat(2000), drained })
  fc.assert(
    fc.property(fc.array(look), (looks) => {
      const rate = new DrainRate()
      let at = 0
      let any = false
      for (const { gap, ms, drained } of looks) {
        rate.observe(at + gap, at + gap + ms, drained)
        at += gap + ms
        any ||= drained > 0
        expect(rate.perSecond(at)).toBeGreaterThanOrEqual(0)
        expect(Number.isFinite(rate.perSecond(at))).toBe(true)
        if (rate.known(at)) expect(any && rate.perSecond(at) > 0).toBe(true)
      }
    }),
  )
})

test('follows what changes, within seconds', () => {
  const rate = new DrainRate()
  let at = watch(rate, 0, every(100, 100), steady(1000))
  at = watch(rate, at, every(100, 150), steady(100))
  expect(rate.perSecond(at)).toBeLessThan(150)
  at = watch(rate, at, every(100, 50), steady(1000))
  expect(rate.perSecond(at)).toBeGreaterThan(600)
})

test('is forgotten after ten seconds in which nobody waited', () => {
  const rate = new DrainRate()
  const at = watch(rate, 0, every(100, 50), steady(500))
  expect(rate.known(at + 9000)).toBe(true)
  expect([rate.known(at + 11_000), rate.perSecond(at + 11_000)]).toEqual([false, 0])
  // And does not mix with what is measured then.
  rate.observe(at + 20_000, at + 20_100, 1)
  expect(rate.perSecond(at + 20_100)).toBe(10)
})

test('of replies is what came in the last seconds', () => {
  const replies = new ReplyRate()
  const now = performance.now()
  for (let i = 0; i < 100; i++) replies.add()
  expect(replies.perSecond(now + 2000)).toBeCloseTo(50, -1)
  expect(replies.perSecond(now + 6000)).toBeCloseTo(100 / 6, 0)
  expect(replies.perSecond(now + 12_000)).toBe(0)
})
