/** What becomes of a job whose worker is gone, case by case: the table of docs/protocol.md, P-77. */
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { decodeJob } from '../src/wire/job'
import { bystander, type Circumstances, verdictOf } from '../src/presence/verdict'

const base = '0123456789abcdef-1-fedcba9876543210'
const meta = { v: 1, deadline: 5000, attempt: 1, retry: true, epoch: 'a.b', request_id: 'r' }
const job = (
  given: { meta?: object; id?: string; respondTo?: string | null; first?: unknown } = {},
): Buffer => {
  const { id = base, respondTo = 'mailbox' } = given
  const first = given.first ?? { method: 'GET', meta: { ...meta, ...given.meta } }
  return Buffer.from(JSON.stringify(['url', [first], respondTo, id]))
}
const circumstances = (given: Partial<Circumstances> = {}): Circumstances => ({
  suspects: new Set(),
  began: 'marked',
  epoch: 'a.b',
  untilMs: (deadline) => deadline - 1000,
  isCancelled: () => false,
  ...given,
})
const pushed = { respondTo: null, first: 1 }

describe('a job of a dead worker', () => {
  test.each([
    ['that may be retried is tried again', job(), {}, 'again'],
    ['that may not be retried is lost', job({ meta: { retry: false } }), {}, 'final'],
    ['without metadata is lost', job({ first: 1 }), {}, 'final'],
    ['whose id allows attempts is tried again', job({ first: 1, id: `${base}-r5` }), {}, 'again'],
    ['that nobody waits for is tried again', job(pushed), {}, 'again'],
    [
      'past its deadline is lost: its reply may have begun',
      job({ meta: { deadline: 999 } }),
      {},
      'final',
    ],
    [
      'past its deadline that had not begun is dropped',
      job({ meta: { deadline: 999 } }),
      { began: 'none' as const },
      'drop',
    ],
    ['that was cancelled is dropped', job(), { isCancelled: (id: string) => id === base }, 'drop'],
    ['of another epoch is left to who asked', job(), { epoch: 'c.d' }, 'drop'],
    [
      'of another epoch that may not be retried is lost',
      job({ meta: { retry: false } }),
      { epoch: 'c.d' },
      'final',
    ],
    [
      'of another epoch that nobody waits for is tried again',
      job({ respondTo: null }),
      { epoch: 'c.d' },
      'again',
    ],
    ['that had not begun goes back', job(), { began: 'none' as const }, 'return'],
    [
      'that had not begun and may not be retried goes back',
      job({ meta: { retry: false } }),
      { began: 'none' as const },
      'return',
    ],
    [
      'of a further attempt that was not marked had not begun',
      job({ id: `${base}.2` }),
      {},
      'return',
    ],
    [
      'of a further attempt and of a worker that marks none had begun',
      job({ id: `${base}.2` }),
      { began: 'all' as const },
      'again',
    ],
    [
      'that was the suspect is struck',
      job({ id: `${base}.2` }),
      { suspects: new Set([`${base}.2`]) },
      'again',
    ],
    [
      'that ran beside a suspect is not struck',
      job(),
      { suspects: new Set(['other.2']) },
      'return',
    ],
    [
      'that ran beside another bystander is struck',
      job(),
      { suspects: new Set([bystander('other.2')]) },
      'again',
    ],
    ['that cannot be decoded is buried', Buffer.from('hi'), {}, 'bury'],
  ])('%s', (_what, raw, given, how) => {
    expect(verdictOf(raw, circumstances(given)).how).toBe(how)
  })

  test('bears its next attempt when it goes on after it had begun, and is the same otherwise', () => {
    const again = verdictOf(job(), circumstances())
    expect(decodeJob(Buffer.from(again.next))).toMatchObject({
      id: `${base}.2`,
      args: [{ meta: { ...meta, attempt: 2 } }],
    })
    const beside = verdictOf(job(), circumstances({ suspects: new Set(['other.2']) }))
    expect(decodeJob(Buffer.from(beside.next))).toMatchObject({ id: `${base}.2` })
    const raw = job()
    expect(verdictOf(raw, circumstances({ began: 'none' as const })).next).toBe(raw)
  })

  test.each([
    ['three', job(), 3],
    ['as its metadata says', job({ meta: { max_attempts: 20 } }), 20],
    ['as its id says', job({ first: 1, id: `${base}-r7.2` }), 7],
    ['ten where nobody waits', job(pushed), 10],
    ['as its id says where nobody waits', job({ ...pushed, id: `${base}-r2` }), 2],
  ])('may be tried %s times', (_what, raw, maxAttempts) => {
    expect(verdictOf(raw, circumstances({ began: 'all' })).maxAttempts).toBe(maxAttempts)
  })

  test('keeps every other byte: white space, numbers JSON.parse cannot hold, what looks like an id', () => {
    const text = ` ["add", [ 12345678901234567890, "${base}\\"]", {"attempt":1}],\t"m", "${base}" ]\n`
    const { next } = verdictOf(Buffer.from(text), circumstances({ began: 'all' }))
    // It may not be retried, so it does not go on; what it would be is the same.
    expect(String(next)).toBe(text)
    const free = text.replace('"m"', 'null')
    expect(String(verdictOf(Buffer.from(free), circumstances()).next)).toBe(
      free.replace(`"${base}" ]\n`, `"${base}.2"]`),
    )
  })

  test('takes no longer for a body that looks like one long number', () => {
    const body = '1e-'.repeat(350_000)
    const raw = Buffer.from(JSON.stringify(['url', [{ body, meta }], 'm', base]))
    const began = performance.now()
    expect(String(verdictOf(raw, circumstances()).next)).toHaveLength(raw.length + 2)
    // Half an hour, when it was searched for from the front.
    expect(performance.now() - began).toBeLessThan(2000)
  })

  test('does not take arguments for metadata', () => {
    const state = { attempt: 1, retry: true, v: 1, deadline: 1 }
    const first = { state, meta: { ...meta }, more: { meta: { ...meta, deadline: 1 } } }
    const raw = Buffer.from(JSON.stringify(['do', [first], 'm', base]))
    const next = decodeJob(Buffer.from(verdictOf(raw, circumstances()).next))
    const changed = { ...first, meta: { ...meta, attempt: 2 } }
    expect(next).toMatchObject({ args: [changed], id: `${base}.2` })
  })

  test.each(['a"b', 'a\\', 'a\\"', '"', 'a]b', ' ', 'ü\n'])('finds the id %j at the end', (id) => {
    const raw = Buffer.from(JSON.stringify(['a', [id], null, id]))
    const next = decodeJob(Buffer.from(verdictOf(raw, circumstances()).next))
    expect(next).toMatchObject({ id: `${id}.2`, args: [id] })
  })

  test('with a number for an id gets one with its attempt', () => {
    const { next } = verdictOf(Buffer.from('["add",[1],null,7]'), circumstances())
    expect(String(next)).toBe('["add",[1],null,"7.2"]')
  })

  test('is still a job with the same arguments, whatever they are', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), fc.string(), (args, id) => {
        const raw = Buffer.from(JSON.stringify(['a', args, null, id]))
        const { next } = verdictOf(raw, circumstances({ began: 'all' }))
        expect(decodeJob(Buffer.from(next))).toMatchObject({ action: 'a', respondTo: null })
        expect((JSON.parse(String(next)) as unknown[])[1]).toEqual(JSON.parse(JSON.stringify(args)))
      }),
    )
  })
})
