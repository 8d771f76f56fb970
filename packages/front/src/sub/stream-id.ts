/** Ids of the event log: `<ms>-<seq>`, each up to 2^64 and so compared as text. Pure. */

const whole = /^(0|[1-9]\d{0,19})-(0|[1-9]\d{0,19})$/

/** What is before every entry. */
export const START = '0-0'

const MAX = '18446744073709551615'

/** A client's Last-Event-ID can be anything. */
export function isStreamId(id: string): boolean {
  const [, ms = '', seq = ''] = whole.exec(id) ?? []
  return ms !== '' && compareNumbers(ms, MAX) <= 0 && compareNumbers(seq, MAX) <= 0
}

/** Negative where `a` comes before `b`. */
export function compareIds(a: string, b: string): number {
  const [msA = '', seqA = ''] = a.split('-')
  const [msB = '', seqB = ''] = b.split('-')
  return compareNumbers(msA, msB) || compareNumbers(seqA, seqB)
}

function compareNumbers(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length
  return a < b ? -1 : a > b ? 1 : 0
}
