/** The goals of the project beside what was measured. A figure exactly at the limit reaches it. */

import { formatNumber, formatTable } from './table.js'

/** A row of the table: what, to reach, measured, verdict. */
export type Judgement = [string, string, string, string]

/** One goal: reached, missed, or not measured in this run. */
export function judge(
  what: string,
  direction: 'at least' | 'at most',
  limit: number,
  measured: number,
): Judgement {
  const comparable = Number.isFinite(limit) && Number.isFinite(measured)
  const reached = direction === 'at least' ? measured >= limit : measured <= limit
  const verdict = reached ? 'reached' : 'MISSED'
  return [
    what,
    `${direction} ${formatNumber(limit)}`,
    formatNumber(measured),
    comparable ? verdict : 'not measured',
  ]
}

export function formatJudgements(judgements: readonly Judgement[]): string {
  return formatTable(['goal', 'to reach', 'measured', ''], judgements)
}
