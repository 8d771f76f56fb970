/** Slots against a Map: they hold the same entries under the same ids, whatever happens in whatever order. */
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createIds, numberOf } from '../src/wire/ids'
import { Slots } from '../src/slots'

interface Entry {
  readonly base: string
}

describe('slots', () => {
  test('hold what a Map would hold', () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.constant({ add: true, at: 0 }) },
      { weight: 2, arbitrary: fc.record({ add: fc.constant(false), at: fc.nat(1000) }) },
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const next = createIds('0123456789abcdef')
        const slots = new Slots<Entry>()
        const model = new Map<string, Entry>()
        const gone: Entry[] = []
        for (const { add, at } of steps) {
          if (add) {
            const n = slots.next()
            const entry = { base: next(n) }
            slots.add(n, entry)
            model.set(entry.base, entry)
          } else {
            const entry = [...model.values()][at % Math.max(model.size, 1)]
            if (!entry) continue
            slots.delete(entry)
            model.delete(entry.base)
            gone.push(entry)
          }
          expect(slots.size).toBe(model.size)
        }
        for (const entry of model.values()) expect(slots.get(entry.base)).toBe(entry)
        for (const entry of gone) expect(slots.get(entry.base)).toBeUndefined()
        expect(new Set(slots.all())).toEqual(new Set(model.values()))
      }),
    )
  })

  test('use the numbers of what has ended again, so that they stay as few as were ever open at once', () => {
    const next = createIds('b')
    const slots = new Slots<Entry>()
    const open: Entry[] = []
    for (let i = 0; i < 1000; i++) {
      const n = slots.next()
      expect(n).toBeLessThan(10)
      const entry = { base: next(n) }
      slots.add(n, entry)
      open.push(entry)
      if (open.length === 10) for (const each of open.splice(0, 5)) slots.delete(each)
    }
  })

  test('do not find an entry by the id of another that had its number', () => {
    const next = createIds('b')
    const slots = new Slots<Entry>()
    const first = { base: next(slots.next()) }
    slots.add(0, first)
    slots.delete(first)
    const second = { base: next(slots.next()) }
    slots.add(0, second)
    expect(numberOf(first.base)).toBe(numberOf(second.base))
    expect(slots.get(first.base)).toBeUndefined()
    // Nor does the end of the first, told a second time, end the other.
    slots.delete(first)
    expect(slots.get(second.base)).toBe(second)
    expect(slots.size).toBe(1)
  })

  test('find nothing by an id that is none of theirs', () => {
    const slots = new Slots<Entry>()
    slots.add(0, { base: createIds('b')(0) })
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.constantFrom('b-0-', 'b-0', '__proto__', 'b-length-x')),
        (id) => {
          expect(slots.get(id)).toBeUndefined()
        },
      ),
    )
  })
})
