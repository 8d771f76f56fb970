/** Jobs whose last worker died while it had them: each is named before it begins, and begins alone. */
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { setImmediate as turn } from 'node:timers/promises'
import type { Popped } from '../src/held'
import { Held } from '../src/held'
import type { Source } from '../src/source'
import { Suspects } from '../src/suspects'

describe('suspects', () => {
  let log: string[]
  let suspects: Suspects
  /** Base ids against which something stands. */
  let struck: Set<string>
  /** Redis is away. */
  let refused: boolean
  const source = {
    unmark: (mark: string) => log.push(`unmark ${mark}`),
    failures: {
      isSuspect: (base: string) => Promise.resolve(struck.has(base)),
      mark: (mark: string) => {
        log.push(`mark ${mark}`)
        return refused ? Promise.reject(new Error('not connected')) : Promise.resolve()
      },
      remark: (marks: string[]) => Promise.resolve(void log.push(`remark ${marks.join()}`)),
      unmark: (mark: string) => log.push(`unmark ${mark}`),
    },
  } as unknown as Source
  const add = (id: string): Popped => {
    const popped = new Held().add(Buffer.from(id), 'normal')
    suspects.add(id, popped, source, () => log.push(`begin ${id}`))
    return popped
  }

  beforeEach(() => {
    // No time passes but by hand; turns of the event loop do.
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'queueMicrotask', 'nextTick'] })
    log = []
    struck = new Set(['a', 'b', 'c'])
    refused = false
    suspects = new Suspects(() => log.push('freed'))
  })
  afterEach(() => {
    suspects.stop()
    jest.useRealTimers()
  })

  test('begin one after the other, each once it is named and the one before has ended', async () => {
    const first = add('a')
    add('b')
    add('c')
    await turn()
    expect(log).toEqual(['mark a', 'begin a'])
    suspects.ended(first, true)
    await turn()
    expect(log).toEqual(['mark a', 'begin a', 'unmark a', 'mark b', 'begin b'])
  })

  test('wait no longer for one that has run for a quarter of a second without harm', async () => {
    add('a')
    add('b')
    await turn()
    jest.advanceTimersByTime(249)
    await turn()
    expect(log).toEqual(['mark a', 'begin a'])
    jest.advanceTimersByTime(2)
    await turn()
    expect(log).toEqual(['mark a', 'begin a', 'mark b', 'begin b'])
  })

  test('are those against whom something stands; others begin beside them, named as what they are', async () => {
    add('a')
    add('d')
    add('b')
    add('e')
    await turn()
    expect(log.filter((line) => line.startsWith('begin'))).toEqual([
      'begin d',
      'begin e',
      'begin a',
    ])
    expect(log.filter((line) => line.startsWith('mark')).sort()).toEqual([
      ...['mark +d', 'mark +e', 'mark a'],
    ])
  })

  test('do not begin where they were swept while they were named', async () => {
    add('a').done = true
    await turn()
    // Its slot is free for others.
    expect(log).toEqual(['mark a', 'unmark a', 'freed'])
  })

  test('are named again after a while where that failed, not at once', async () => {
    refused = true
    add('a')
    add('b')
    await turn()
    await turn()
    expect(log).toEqual(['mark a'])
    refused = false
    jest.advanceTimersByTime(200)
    await turn()
    expect(log).toEqual(['mark a', 'mark a', 'begin a'])
  })

  test('stay named while they are being named and the held list is read anew', async () => {
    add('a')
    await Promise.resolve()
    await Promise.resolve()
    await suspects.mend(source)
    await turn()
    expect(log.filter((line) => line.startsWith('remark'))).toEqual(['remark a'])
  })
})
