/**
 * What the visits of a comparison amount to: rows of the table, goals reached or missed, rows of the CSV.
 *
 * Void cells count nowhere but in the CSV, where they carry their errors.
 */

import { formatCpu, serverCpuUs } from './cell.js'
import { cellColumns, type Row } from './csv.js'
import { formatJudgements, judge } from './goal.js'
import { summarize, takeMedian } from './statistics.js'
import { formatNumber, formatSummary, formatTable } from './table.js'
import { compareToBare, inRound, pickCells, type Visit } from './visit.js'

const heads = [
  'conns',
  'target',
  'requests/s',
  'of bare',
  'p50 ms',
  'p99 ms',
  'CPU µs/request',
  'CPU ÷ bare',
  'load µs',
]

export function formatComparison(visits: readonly Visit[]): string {
  const connections = [...new Set(visits.map((visit) => visit.connections))]
  const targets = [...new Set(visits.map((visit) => visit.target))]
  const rows = connections.flatMap((count) =>
    targets.map(({ name, title }) => {
      const cells = pickCells(visits, count, name)
      return [
        String(count),
        title,
        formatSummary(summarize(cells.map((cell) => cell.requestsPerSecond))),
        formatSummary(compareToBare(visits, count, name, (cell) => cell.requestsPerSecond)),
        formatNumber(takeMedian(cells.map((cell) => cell.p50Ms))),
        formatNumber(takeMedian(cells.map((cell) => cell.p99Ms))),
        formatCpu(cells),
        formatNumber(compareToBare(visits, count, name, serverCpuUs).median),
        formatNumber(takeMedian(cells.map((cell) => cell.loadCpuUs))),
      ]
    }),
  )
  return formatTable(heads, rows)
}

/** The goals of the project that can be judged by what was measured. */
export function formatGoals(visits: readonly Visit[]): string {
  const ratio = (count: number, name: string): number =>
    compareToBare(visits, count, name, (cell) => cell.requestsPerSecond).median
  const proxy = Math.max(
    ...['nginx', 'haproxy'].map((name) => ratio(256, name)).filter(Number.isFinite),
  )
  const front = compareToBare(visits, 64, 'tempest1', serverCpuUs).median
  const rows = [
    judge('requests/s of bare, 64 connections, 1 worker', 'at least', 0.45, ratio(64, 'tempest1')),
    judge(
      'requests/s of bare, 256 connections, 1 worker',
      'at least',
      proxy,
      ratio(256, 'tempest1'),
    ),
    judge('front CPU per request of bare, 64 connections', 'at most', 1.8, front),
    judge(
      'requests/s of bare, 64 connections, 4 workers × 1',
      'at least',
      0.17,
      ratio(64, 'tempest4'),
    ),
  ]
  return formatJudgements(rows)
}

export function listRows(visits: readonly Visit[], load: string): Row[] {
  return visits.map(({ round, connections, target, cell }) => ({
    load,
    round,
    connections,
    target: target.name,
    of_bare: inRound(
      visits,
      round,
      connections,
      cell.requestsPerSecond,
      (bare) => bare.requestsPerSecond,
    ),
    ...cellColumns(cell),
  }))
}
