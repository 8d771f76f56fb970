/**
 * examples/workers under the conformance kit: none breaks a rule. bash, which starts processes for each job, is spared some cases, unless
 * TEMPEST_CONFORMANCE=all; then the figures for the README are printed as well.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { findRedis } from '@tempest/launch'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Report, runWorkerCases, workerCases } from 'tempest-conformance'
import { inTurns, saidOf } from '../../packages/conformance/test/running'
import {
  commandFor,
  describeLanguage,
  folder,
  type Kind,
  kinds,
  type Name,
  names,
  present,
  removeBuilds,
  titleOf,
} from './languages'

/** At once: most of the time they wait. */
const WIDTH = 6
const all = process.env.TEMPEST_CONFORMANCE === 'all'
/** Hundreds of jobs at once, for neither kind; of what app.sh does for both, each is tried with one. */
const spared = {
  worker: ['P-32', 'P-15'],
  safe: ['P-32', 'P-5', 'P-11', 'P-12', 'P-13', 'P-20', 'P-21', 'P-30', 'P-41', 'P-42', 'P-43'],
}

const reports = new Map<string, Report | Error>()

async function inspect(name: Name, kind: Kind): Promise<Report> {
  const [command, args] = await commandFor(name, kind)
  const redis = await findRedis()
  return runWorkerCases({
    command: [command, ...args],
    // Whatever a person's locale is: what workers read and write is UTF-8.
    env: { ...process.env, LC_ALL: 'C' },
    redisServer: redis?.command,
    except: name === 'bash' && !all ? spared[kind] : [],
    level: kind === 'safe' ? 'safe' : 'simple',
    app: true,
  })
}

beforeAll(async () => {
  if (process.env.TEMPEST_TEST_REDIS === undefined) return
  const slowFirst = [...present].sort((a, b) => Number(b === 'bash') - Number(a === 'bash'))
  const posts = slowFirst.flatMap((name) => kinds.map((kind) => ({ name, kind })))
  await inTurns(WIDTH, posts, async ({ name, kind }) => {
    const report = await inspect(name, kind).catch((error: unknown) => new Error(String(error)))
    reports.set(`${name} ${kind}`, report)
  })
  if (all) console.log(present.map((name) => `${titleOf(name)}: ${figuresOf(name)}`).join('\n'))
}, 300_000)
afterAll(removeBuilds)

function figuresOf(name: Name): string {
  const cells = kinds.map((kind) => {
    const report = reports.get(`${name} ${kind}`)
    if (!report || report instanceof Error) return 'none'
    return `${report.passed} / ${report.advice} / ${report.skipped}`
  })
  return cells.join(' | ')
}

for (const name of names) {
  describeLanguage(name, () => {
    test.each(kinds)('%s breaks no rule', (kind) => {
      const report = reports.get(`${name} ${kind}`)
      if (!report || report instanceof Error) throw report ?? new Error('it was not tried')
      expect(saidOf(report)).toEqual([])
      expect(report.passed).toBeGreaterThan(30)
    })
  })
}

test.each(names)('the README tells how %s fared in each case that the kit has', (name) => {
  const readme = readFileSync(join(folder, 'README.md'), 'utf8')
  const row = readme.split('\n').find((line) => line.startsWith(`| ${titleOf(name)} `)) ?? ''
  const figures = row.match(/\d+ \/ \d+ \/ \d+/g) ?? []
  const sums = figures.map((text) => text.split(' / ').reduce((sum, it) => sum + Number(it), 0))
  expect(sums).toEqual(kinds.map(() => workerCases().length))
})
