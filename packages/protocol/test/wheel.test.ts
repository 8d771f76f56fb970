/** The deadline wheel, turned by hand by a clock of our own: never early, at the first turn after it was due, each once. */
import { afterEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type Waiting, Wheel } from '../src/wheel'

/** How often the wheel's own timer turns it. */
const TICK_MS = 25

class Entry implements Waiting {
  slot = -1
  previous: Waiting | undefined = undefined
  next: Waiting | undefined = undefined
  expiredAt: number[] = []
  onExpire: () => void = () => undefined
  dueAt: number

  constructor(dueAt: number) {
    this.dueAt = dueAt
  }

  expire(now: number): void {
    this.expiredAt.push(now)
    this.onExpire()
  }
}

const made: { wheel: Wheel; entries: Entry[] }[] = []

/** A wheel whose clock stands still until it is turned. */
function setUp(start = 0): {
  wheel: Wheel
  add: (dueAt: number) => Entry
  turnAt: (ms: number) => void
} {
  let now = start
  const wheel = new Wheel(() => now)
  const entries: Entry[] = []
  made.push({ wheel, entries })
  return {
    wheel,
    add: (dueAt) => {
      const entry = new Entry(dueAt)
      entries.push(entry)
      wheel.add(entry)
      return entry
    },
    turnAt: (ms) => {
      now = ms
      wheel.turn()
    },
  }
}

// What is still on a wheel would keep its timer turning.
afterEach(() => {
  for (const { wheel, entries } of made.splice(0)) for (const entry of entries) wheel.remove(entry)
})

describe('what waits on the wheel', () => {
  test('expires once, never early, and at the first turn after it was due', () => {
    const start = fc.double({ min: 0, max: 1e6, noNaN: true })
    const delays = fc.array(fc.double({ min: -100, max: 1000, noNaN: true }), { maxLength: 30 })
    fc.assert(
      fc.property(start, delays, (from, ms) => {
        const { wheel, add, turnAt } = setUp(from)
        const entries = ms.map((delay) => add(from + delay))
        const turns = Array.from({ length: 45 }, (_, i) => from + (i + 1) * TICK_MS)
        for (const now of turns) {
          turnAt(now)
          for (const entry of entries) {
            expect(entry.expiredAt.length).toBe(entry.dueAt <= now ? 1 : 0)
          }
        }
        expect(wheel.size).toBe(0)
      }),
    )
  })

  test('expires at the end of a stall of any length, and what is not yet due does not', () => {
    const stall = fc.integer({ min: 1, max: 300_000 })
    const delays = fc.array(fc.integer({ min: 0, max: 400_000 }), { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(fc.nat(100_000), delays, stall, (from, ms, length) => {
        const { add, turnAt } = setUp(from)
        const entries = ms.map((delay) => add(from + delay))
        turnAt(from + length)
        for (const entry of entries) {
          expect(entry.expiredAt.length).toBe(entry.dueAt <= from + length ? 1 : 0)
        }
      }),
    )
  })

  test('may be due farther away than the wheel is round', () => {
    const { add, turnAt } = setUp()
    const day = 24 * 3600 * 1000
    const [near, far] = [add(100), add(day)]
    // Every second of the hours before, which is less than one round.
    for (let ms = 0; ms < day; ms += 1000) turnAt(ms)
    expect([near.expiredAt.length, far.expiredAt.length]).toEqual([1, 0])
    turnAt(day)
    expect(far.expiredAt).toEqual([day])
  })

  test('does not expire once it was taken off, wherever it stood', () => {
    const plan = fc.array(fc.tuple(fc.nat(300), fc.boolean()), { minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(plan, (entries) => {
        const { wheel, add, turnAt } = setUp()
        const all = entries.map(([dueAt, taken]) => ({ entry: add(dueAt), taken }))
        for (const { entry, taken } of all) {
          if (!taken) continue
          wheel.remove(entry)
          wheel.remove(entry) // a second time is nothing
        }
        expect(wheel.size).toBe(all.filter(({ taken }) => !taken).length)
        turnAt(400)
        for (const { entry, taken } of all) expect(entry.expiredAt.length).toBe(taken ? 0 : 1)
        expect(wheel.size).toBe(0)
      }),
    )
  })

  test('leaves nothing behind when it is taken off: no neighbour holds it', () => {
    const { wheel, add } = setUp()
    const [one, two, three] = [add(10), add(10), add(10)]
    wheel.remove(two)
    expect([two.previous, two.next, two.slot]).toEqual([undefined, undefined, -1])
    const reachable = [one, three].flatMap((entry) => [entry.previous, entry.next])
    expect(reachable).not.toContain(two)
  })

  test('may take off others that are due at the same moment: they do not expire', () => {
    const links = fc.array(fc.tuple(fc.nat(60), fc.nat(19)), { minLength: 20, maxLength: 20 })
    fc.assert(
      fc.property(links, (plan) => {
        const { wheel, add, turnAt } = setUp()
        const entries = plan.map(([dueAt]) => add(dueAt))
        const removed = new Set<Entry>()
        entries.forEach((entry, i) => {
          const other = entries[plan[i]?.[1] ?? 0]
          entry.onExpire = () => {
            if (!other || other === entry || other.expiredAt.length > 0) return
            wheel.remove(other)
            removed.add(other)
          }
        })
        turnAt(100)
        for (const entry of entries) {
          expect(entry.expiredAt.length).toBe(removed.has(entry) ? 0 : 1)
        }
        expect(wheel.size).toBe(0)
      }),
    )
  })

  test('may put others onto it: those already due expire at the next turn', () => {
    const { add, turnAt } = setUp()
    const late: Entry[] = []
    add(10).onExpire = () => late.push(add(5), add(500))
    turnAt(50)
    expect(late.map((entry) => entry.expiredAt)).toEqual([[], []])
    turnAt(75)
    expect(late.map((entry) => entry.expiredAt)).toEqual([[75], []])
    turnAt(500)
    expect(late.map((entry) => entry.expiredAt)).toEqual([[75], [500]])
  })

  test('may be put back with a later deadline by another that expires, and keeps to that', () => {
    const { wheel, add, turnAt } = setUp()
    const moved = add(20)
    const mover = add(20)
    for (const [entry, other] of [
      [moved, mover],
      [mover, moved],
    ] as const) {
      entry.onExpire = () => {
        if (other.expiredAt.length > 0) return
        wheel.remove(other)
        other.dueAt = 1000
        wheel.add(other)
      }
    }
    turnAt(50)
    expect(moved.expiredAt.length + mover.expiredAt.length).toBe(1)
    turnAt(1000)
    expect([moved.expiredAt, mover.expiredAt]).toEqual(expect.arrayContaining([[50], [1000]]))
  })

  test('expires by the wheel’s own timer where nobody turns it', async () => {
    const wheel = new Wheel()
    const entry = new Entry(performance.now() + 30)
    await new Promise<void>((resolve) => {
      entry.onExpire = resolve
      wheel.add(entry)
    })
    expect(entry.expiredAt[0]).toBeGreaterThanOrEqual(entry.dueAt)
    expect(wheel.size).toBe(0)
  })
})
