/** What P-150 says that each kind MUST keep, and which of these rules no case is about: a pass says nothing of them. */
import type { Case } from './case.js'

/** As in the table of docs/protocol.md, each with what it adds to the one above. */
const own = {
  simple: 'P-5 P-10..13 P-15 P-20 P-30..32 P-40..43 P-61 P-70 P-91 P-92 P-130 P-132',
  safe: 'P-71..74 P-77 P-100 P-101 P-112',
  full: 'P-51 P-52 P-76 P-78 P-102..112 P-130..134 P-140..143',
  front:
    'P-2..6 P-10..14 P-20 P-21 P-25 P-26 P-30..32 P-40..48 P-50..52 P-60..63 P-80 P-81 P-90..93 P-100 P-101 P-109 P-112 P-130..134',
} as const

export type Kind = keyof typeof own

const above: Record<Kind, readonly Kind[]> = {
  simple: ['simple'],
  safe: ['simple', 'safe'],
  full: ['simple', 'safe', 'full'],
  front: ['front'],
}

/** In the order of their numbers, each once. */
export function mustKeep(kind: Kind): string[] {
  const texts = above[kind].flatMap((each) => own[each].split(' '))
  const numbers = texts.flatMap((text) => {
    const [from = 0, to = from] = (text.match(/\d+/g) ?? []).map(Number)
    return Array.from({ length: to - from + 1 }, (_, i) => from + i)
  })
  return [...new Set(numbers)].sort((a, b) => a - b).map((number) => `P-${number}`)
}

type Listed = Pick<Case<unknown>, 'rule' | 'should'>

/** What only SHOULD be does not try what MUST be. */
export function untried(kind: Kind, cases: readonly Listed[]): string[] {
  const tried = new Set(cases.filter(({ should }) => should !== true).map(({ rule }) => rule))
  return mustKeep(kind).filter((rule) => !tried.has(rule))
}
