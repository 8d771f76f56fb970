/** What a run found, as data, and as TAP 14 (https://testanything.org/tap-version-14-specification.html). */
import type { Encoding } from './encoding.js'

export type Verdict = 'pass' | 'fail' | 'advice' | 'skip'

export interface CaseResult {
  number: number
  rule: string
  title: string
  verdict: Verdict
  ms: number
  /** Of a skip. */
  reason?: string
  /** Of a failure or advice. */
  expected?: string
  came?: string
  hint?: string
}

export interface Report {
  /** What was tried: a command or a url. */
  subject: string
  side: 'worker' | 'front'
  /** What it claims: simple, safe or full; of a front nothing. */
  level?: string
  /** Of a front: that of its jobs (P-25). */
  encoding?: Encoding
  passed: number
  failed: number
  /** SHOULDs that are not kept. */
  advice: number
  skipped: number
  /** Rules that one of its level MUST keep and no case is about (P-150): nothing above tells of them. */
  untried: string[]
  cases: CaseResult[]
}

export function reportOf(
  head: Pick<Report, 'subject' | 'side' | 'level' | 'encoding' | 'untried'>,
  cases: CaseResult[],
): Report {
  const count = (verdict: Verdict): number => cases.filter((it) => it.verdict === verdict).length
  return {
    ...head,
    passed: count('pass'),
    failed: count('fail'),
    advice: count('advice'),
    skipped: count('skip'),
    cases,
  }
}

export function toTap(report: Report): string {
  const lines = ['TAP version 14', `1..${report.cases.length}`]
  for (const each of report.cases) lines.push(...tapLines(each))
  const { side, subject, level, encoding, passed, failed, advice, skipped } = report
  const more = `${level === undefined ? '' : `, level ${level}`}${encoding === undefined ? '' : `, encoding ${encoding}`}`
  lines.push(`# ${side}: ${subject}${more}`)
  lines.push(`# passed ${passed}, failed ${failed}, advice ${advice}, skipped ${skipped}`)
  if (report.untried.length > 0) lines.push(`# no case is about ${report.untried.join(' ')}`)
  return `${lines.join('\n')}\n`
}

function tapLines({ number, rule, title, verdict, ...rest }: CaseResult): string[] {
  const name = `${number} - ${rule} ${title.replace(/#/g, '\\#')}`
  if (verdict === 'pass') return [`ok ${name}`]
  if (verdict === 'skip') return [`ok ${name} # SKIP ${rest.reason ?? ''}`]
  const { expected, came, hint, ms } = rest
  const details = Object.entries({ rule, expected, came, hint, ms })
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `  ${key}: ${JSON.stringify(value)}`)
  const first = `not ok ${name}${verdict === 'advice' ? ' # TODO a SHOULD that is not kept' : ''}`
  return [first, '  ---', ...details, '  ...']
}
