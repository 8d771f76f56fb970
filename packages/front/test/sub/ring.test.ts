/** The newest events in memory: bounded, and honest about what is no longer there. */
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Entry } from '../../src/sub/entry'
import { type Logged, Ring } from '../../src/sub/ring'
import { compareIds, isStreamId, START } from '../../src/sub/stream-id'

const entry = (id: string, bytes = 10): Logged =>
  new Entry(id, 'a', Buffer.alloc(bytes), 1e6) as Logged

describe('ids of the log', () => {
  test('are compared as numbers, however large', () => {
    expect(compareIds('9-0', '10-0')).toBeLessThan(0)
    expect(compareIds('10-9', '10-10')).toBeLessThan(0)
    expect(compareIds('18446744073709551615-1', '18446744073709551614-2')).toBeGreaterThan(0)
    expect(compareIds('1-1', '1-1')).toBe(0)
  })

  test.each([
    '',
    '1',
    '-',
    '1-',
    '01-0',
    '1-0 ',
    '1-0\n',
    'a-b',
    `${'9'.repeat(21)}-0`,
    '1-18446744073709551616',
    '18446744073709551616-0',
    '-1-0',
  ])('%j is none', (id) => expect(isStreamId(id)).toBe(false))
})

describe('the ring', () => {
  test('holds the newest, within its number and bytes, and knows behind which id it is complete', () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 60 })
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 12 }), (bytes, most) => {
        const ring = new Ring(most, 10_000)
        const all = bytes.map((size, i) => entry(`${i + 1}-0`, size))
        all.forEach((each) => ring.push(each))
        expect(ring.length).toBeLessThanOrEqual(most)
        expect(ring.length).toBeGreaterThan(all.length > 0 ? 0 : -1)
        if (ring.length > 1) expect(ring.bytes).toBeLessThanOrEqual(10_000)
        const kept = all.slice(all.length - ring.length)
        expect(kept.map((_, i) => ring.at(i)?.id)).toEqual(kept.map(({ id }) => id))
        expect(ring.at(ring.length)).toBeUndefined()
        expect(ring.at(-1)).toBeUndefined()
        expect(ring.floor).toBe(all[all.length - ring.length - 1]?.id ?? START)
        for (const { id } of all) expect(ring.has(id)).toBe(kept.some((each) => each.id === id))
        for (let n = 0; n <= all.length; n++) {
          expect(ring.at(ring.behind(`${n}-5`))?.id).toBe(
            kept.find((each) => compareIds(each.id, `${n}-5`) > 0)?.id,
          )
        }
      }),
    )
  })

  test('keeps no memory of what it dropped, over many', () => {
    const ring = new Ring(10, 1e9)
    for (let n = 1; n <= 50_000; n++) ring.push(entry(`${n}-0`))
    expect([ring.length, ring.floor, ring.at(0)?.id]).toEqual([10, '49990-0', '49991-0'])
    ring.clear('5-0')
    expect([ring.length, ring.bytes, ring.floor]).toEqual([0, 0, '5-0'])
  })
})
