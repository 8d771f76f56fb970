/** The command `tempest-conformance`: reads its arguments, runs the cases, prints the report, tells the exit code. */
import type { Case } from './case.js'
import { type Asked, parse, usage, UsageError } from './cli.js'
import { frontCases, runFrontCases } from './front/run.js'
import { type Report, toTap } from './report.js'
import { untried } from './rules.js'
import { choose } from './run-cases.js'
import { runWorkerCases, workerCases } from './worker/run.js'

/** @returns the exit code: 0 all kept, 1 a rule is broken, 2 nothing could be tried */
export async function main(argv: readonly string[]): Promise<number> {
  if (argv.includes('--help') && !argv.includes('--')) {
    process.stdout.write(usage)
    return 0
  }
  const ends = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      // What was started ends with the process.
      if (ends.signal.aborted) process.exit(2)
      ends.abort(new Error(`given up: ${name}`))
    })
  }
  try {
    const asked = parse(argv)
    if (asked.list) return await list(asked)
    const report = await run(asked, ends.signal)
    await print(asked.json ? `${JSON.stringify(report, undefined, 2)}\n` : toTap(report))
    return report.failed > 0 ? 1 : 0
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    process.stderr.write(`tempest-conformance: ${reason}\n`)
    if (error instanceof UsageError) process.stderr.write(usage)
    return 2
  }
}

function run(asked: Asked, signal: AbortSignal): Promise<Report> {
  const terms = { ...asked, signal }
  return terms.side === 'worker' ? runWorkerCases(terms) : runFrontCases(terms)
}

/** Until it has been taken: the process is ended then. */
function print(text: string): Promise<void> {
  return new Promise((resolve) => void process.stdout.write(text, () => resolve()))
}

type Listed = Pick<Case<unknown>, 'rule' | 'title' | 'should'>

async function list(asked: Asked): Promise<number> {
  const cases: Listed[] = asked.side === 'worker' ? workerCases(asked) : frontCases()
  const lines = choose<Listed>(cases, asked).map(({ rule, title, should }) => {
    return `${rule.padEnd(6)} ${should === true ? 'SHOULD' : 'MUST  '} ${title}\n`
  })
  const none = untried(asked.side === 'worker' ? (asked.level ?? 'full') : 'front', cases)
  // Who asks for some has not asked for these.
  if (asked.only === undefined) lines.push(`# no case is about ${none.join(' ')}\n`)
  await print(lines.join(''))
  return 0
}
