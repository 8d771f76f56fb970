/** Who is taken for dead, and who never is: the counters as an observer reads them, one look after another. */
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Observer } from '../src/presence/observer'

const PATIENCE = 2500
const LOOK = 200

/** Looks every 200 ms until `untilMs`; `beatOf` says what stands in Redis at each. */
function watch(
  observer: Observer,
  untilMs: number,
  beatsAt: (ms: number) => Record<string, number>,
  { fromMs = 0, tookMs = 1 } = {},
): string[] {
  let silent: string[] = []
  for (let ms = fromMs; ms <= untilMs; ms += LOOK) {
    const beats = Object.entries(beatsAt(ms)).map(([boot, n]): [string, string] => [
      boot,
      String(n),
    ])
    observer.look(new Map(beats), ms - tookMs, ms)
    silent = observer.silent(() => PATIENCE)
  }
  return silent
}
const beating = (ms: number): number => Math.floor(ms / 500)

describe('an observer', () => {
  test('takes for dead whose counter stood still for longer than its patience, and not before', () => {
    const dies = (ms: number): Record<string, number> => ({
      me: beating(ms),
      it: beating(Math.min(ms, 1000)),
    })
    expect(watch(new Observer('me'), 1000 + PATIENCE, dies)).toEqual([])
    expect(watch(new Observer('me'), 1000 + PATIENCE + 3 * LOOK, dies)).toEqual(['it'])
  })

  test('does not mind how far a counter moves, or that it begins anew', () => {
    const jumps = (ms: number): Record<string, number> => ({
      me: beating(ms),
      it: 1000 - beating(ms),
    })
    expect(watch(new Observer('me'), 20_000, jumps)).toEqual([])
  })

  test('accuses nobody while its own counter stands still as well: then it is Redis, or the way there', () => {
    const nobodyBeats = (ms: number): Record<string, number> => ({
      me: beating(Math.min(ms, 1000)),
      it: 2,
    })
    expect(watch(new Observer('me'), 60_000, nobodyBeats)).toEqual([])
  })

  test('accuses nobody whose counter changed since its own did', () => {
    const observer = new Observer('me')
    observer.look(
      new Map([
        ['me', '1'],
        ['it', '1'],
      ]),
      0,
      0,
    )
    for (let ms = 200; ms <= 3000; ms += 200)
      observer.look(
        new Map([
          ['me', '1'],
          ['it', '1'],
        ]),
        ms,
        ms,
      )
    observer.look(
      new Map([
        ['me', '2'],
        ['it', '2'],
      ]),
      3100,
      3100,
    )
    expect(observer.silent(() => 0)).toEqual([])
  })

  test.each([
    ['did not look for a second', 1500, 1],
    ['waited a second for the answer', LOOK, 1500],
  ])('begins anew where it %s', (_what, gap, tookMs) => {
    const observer = new Observer('me')
    const still = (ms: number): Record<string, number> => ({ me: beating(ms), it: 0 })
    watch(observer, PATIENCE - LOOK, still)
    const from = PATIENCE - LOOK + gap + tookMs
    observer.look(
      new Map([
        ['me', 'x'],
        ['it', '0'],
      ]),
      from - tookMs,
      from,
    )
    expect(observer.silent(() => PATIENCE)).toEqual([])
    expect(watch(observer, from + PATIENCE, still, { fromMs: from + LOOK })).toEqual([])
    expect(
      watch(observer, from + PATIENCE + 3 * LOOK, still, { fromMs: from + LOOK + PATIENCE }),
    ).toEqual(['it'])
  })

  test('forgets whose counter is gone, and knows nobody it does not see', () => {
    const observer = new Observer('me')
    expect(
      observer
        .look(
          new Map([
            ['me', '1'],
            ['it', '1'],
          ]),
          0,
          0,
        )
        .sort(),
    ).toEqual(['it', 'me'])
    expect(observer.look(new Map([['me', '2']]), 200, 200)).toEqual([])
    expect(observer.silentMs('it')).toBeUndefined()
    expect(
      observer.look(
        new Map([
          ['me', '3'],
          ['it', '1'],
        ]),
        400,
        400,
      ),
    ).toEqual(['it'])
  })

  test('excuses one that something else says is alive', () => {
    const observer = new Observer('me')
    const still = (ms: number): Record<string, number> => ({ me: beating(ms), it: 0 })
    expect(watch(observer, 4000, still)).toEqual(['it'])
    observer.excuse('it')
    expect(observer.silent(() => PATIENCE)).toEqual([])
  })

  test('never accuses one that beats at least once in its patience, however late the looks are', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 4000 }), { maxLength: 60 }), (gaps) => {
        const observer = new Observer('me')
        let ms = 0
        for (const gap of gaps) {
          ms += gap
          const beats = { me: Math.floor(ms / 100), it: Math.floor(ms / (PATIENCE / 2)) }
          const read = Object.entries(beats).map(([boot, n]): [string, string] => [boot, String(n)])
          observer.look(new Map(read), ms, ms)
          expect(observer.silent(() => PATIENCE)).toEqual([])
        }
      }),
    )
  })
})
