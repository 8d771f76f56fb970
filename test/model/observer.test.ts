/** Who is taken for dead, over every sequence of beats, looks, stalls and breaks: never who was seen to live. */
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Observer } from '../../packages/protocol/src/presence/observer'

const PATIENCE_MS = 2500

/** One look: so much later, whose counters have grown since, and how long the answer took. */
const look = fc.record({
  after: fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 150, max: 300 }) },
    { weight: 1, arbitrary: fc.integer({ min: 301, max: 6000 }) },
  ),
  own: fc.boolean(),
  other: fc.boolean(),
  answerMs: fc.oneof({ weight: 9, arbitrary: fc.nat(50) }, { weight: 1, arbitrary: fc.nat(3000) }),
  broke: fc.nat(30),
})

class Watch {
  readonly observer = new Observer('own')
  #now = 0
  #own = 0
  #other = 0

  look(each: { after: number; own?: boolean; other?: boolean; answerMs?: number }): string[] {
    const { after, own = true, other = false, answerMs = 1 } = each
    this.#now += after
    if (own) this.#own++
    if (other) this.#other++
    const beats = new Map([
      ['own', String(this.#own)],
      ['other', String(this.#other)],
    ])
    this.observer.look(beats, this.#now, this.#now + answerMs)
    this.#now += answerMs
    return this.observer.silent(() => PATIENCE_MS)
  }

  get now(): number {
    return this.#now
  }
}

describe('an observer', () => {
  test('accuses only who was silent for the whole patience while it looked without a break', () => {
    fc.assert(
      fc.property(fc.array(look, { maxLength: 80, size: 'max' }), (looks) => {
        const watch = new Watch()
        let lookedAt = -Infinity
        // Since when nothing was seen of the other, without a break.
        let since = 0
        let ownAt = 0
        for (const each of looks) {
          if (each.broke === 0) {
            watch.observer.restart()
            lookedAt = -Infinity
          }
          const silent = watch.look(each)
          const away = watch.now - lookedAt > 1000 || each.answerMs > 1000
          if (each.other || away) since = watch.now
          if (each.own || away) ownAt = watch.now
          lookedAt = watch.now
          expect(silent).not.toContain('own')
          if (silent.includes('other')) {
            expect(watch.now - since).toBeGreaterThan(PATIENCE_MS)
            expect(ownAt).toBeGreaterThan(since)
          }
        }
      }),
      { numRuns: 500 },
    )
  })

  test('accuses who is silent once the patience is over', () => {
    const watch = new Watch()
    watch.look({ after: 200, other: true })
    const silent: string[][] = []
    for (let i = 0; i < 14; i++) silent.push(watch.look({ after: 200 }))
    expect(silent.map((each) => each.length)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1])
  })

  test('begins anew after a stall of its own: what it did not see proves nothing', () => {
    const watch = new Watch()
    watch.look({ after: 200, other: true })
    expect(watch.look({ after: 6000 })).toEqual([])
    for (let i = 0; i < 12; i++) expect(watch.look({ after: 200 })).toEqual([])
    expect(watch.look({ after: 200 })).toEqual(['other'])
  })

  test('accuses nobody while its own beat does not arrive', () => {
    const watch = new Watch()
    watch.look({ after: 200, other: true })
    watch.look({ after: 200 })
    for (let i = 0; i < 20; i++) {
      const silent = watch.look({ after: 200, own: false })
      if (i >= 8) expect(silent).toEqual([])
    }
  })
})
