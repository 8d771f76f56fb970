/** What the kit says that it does not try: by the table of docs/protocol.md, and as its README says. */
import { expect, test } from '@jest/globals'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { frontCases } from '../src/front/run'
import { type Kind, mustKeep, untried } from '../src/rules'
import { workerCases } from '../src/worker/run'

const textOf = (path: string): string => readFileSync(join(__dirname, path), 'utf8')
const protocol = textOf('../../../docs/protocol.md')
const readme = textOf('../README.md')
const kinds: Kind[] = ['simple', 'safe', 'full', 'front']
const numbered = new Set([...protocol.matchAll(/^(?:- )?\*\*P-(\d+)/gm)].map(([, n]) => Number(n)))

/** Of text such as `P-10 to P-13, P-15`: those that there are. */
function rulesIn(text: string): string[] {
  const numbers = [...text.matchAll(/P-(\d+)(?: to P-(\d+))?/g)].flatMap(([, from, to = from]) => {
    return [...numbered].filter((number) => number >= Number(from) && number <= Number(to))
  })
  return [...new Set(numbers)].sort((a, b) => a - b).map((number) => `P-${number}`)
}

const table = /^\| level .*\n(?:\|.*\n)+/m.exec(protocol.slice(protocol.indexOf('**P-150')))?.[0]
const musts = (table ?? '')
  .split('\n')
  .slice(2, 6)
  .map((row) => row.split('|')[3] ?? '')

test.each([
  ['simple', musts.slice(0, 1)],
  ['safe', musts.slice(0, 2)],
  ['full', musts.slice(0, 3)],
  ['front', musts.slice(3)],
] as const)('what a %s one MUST keep is what the protocol says', (kind, rows) => {
  expect(mustKeep(kind)).toEqual(rulesIn(rows.join()))
  expect(mustKeep(kind).length).toBeGreaterThan(15)
})

test.each([
  ['worker', workerCases({ msgpack: true })],
  ['front', frontCases()],
])('each case of a %s is about a rule of the protocol', (_side, cases) => {
  const odd = cases.filter(({ rule }) => rulesIn(rule).length === 0)
  expect(odd.map(({ rule }) => rule)).toEqual([])
})

test.each(kinds)('the README tells which rules of a %s one no case is about', (kind) => {
  const cases = kind === 'front' ? frontCases() : workerCases()
  const row = readme.split('\n').find((line) => line.startsWith(`| ${kind} `)) ?? ''
  expect(rulesIn(row)).toEqual(untried(kind, cases))
})
