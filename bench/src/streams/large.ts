/** One large body, every byte of it compared. Through the mailbox a smaller one: it takes its way through Redis as text. */

import { judge } from '../goal.js'
import { summarize, takeMedian, type Summary } from '../statistics.js'
import { formatNumber, formatSummary, formatTable } from '../table.js'
import { runClient } from './client.js'
import { inTurn, withTargets, type Plan, type Started } from './plan.js'
import {
  besideOf,
  type Cell,
  formatCpu,
  groupByTarget,
  type Measured,
  toRow,
  warnIfVoid,
} from './rows.js'
import { measureUsage, type Usage } from './usage.js'

const targets = ['node', 'nginx', 'nginx-buffered', 'mailbox', 'direct']
const MIB = 2 ** 20
const BYTES = 1024 * MIB
const QUICK_BYTES = 256 * MIB
/** The mailbox gets so much less. */
const MAILBOX_PART = 1 / 8
const WARM_UP_PART = 1 / 8
const GOAL_RATIO = 0.5

interface LargeCell extends Cell {
  bytes: number
  mbPerSecond: number
  clientMs: number
  usage: Usage
}

export async function measureLarge(plan: Plan): Promise<Measured> {
  const whole = plan.quick ? QUICK_BYTES : BYTES
  const cells: LargeCell[] = []
  await withTargets(plan, targets, async (started) => {
    for (const one of started) await read(plan, one, sizeFor(one, whole) * WARM_UP_PART)
    await inTurn(plan, started, async (one, round) => {
      const cell = await measureCell(plan, one, round, sizeFor(one, whole))
      warnIfVoid('large', cell)
      cells.push(cell)
    })
  })
  console.log(
    `\nOne stream of ${whole / MIB} MiB, by mailbox ${(whole * MAILBOX_PART) / MIB} MiB\n`,
  )
  console.log(formatCells(cells))
  const goals = ['nginx', 'nginx-buffered'].map((beside) =>
    judge(
      `MB/s of a large stream, direct ÷ ${beside}`,
      'at least',
      GOAL_RATIO,
      compare(cells, 'direct', beside).median,
    ),
  )
  const scale = (cell: LargeCell) => (ms: number) => perGigabyte(cell, ms)
  return { rows: cells.map((cell) => toRow(cell, cell.usage, scale(cell))), goals }
}

function sizeFor({ target }: Started, whole: number): number {
  return target.name === 'mailbox' ? whole * MAILBOX_PART : whole
}

function read(plan: Plan, { running }: Started, bytes: number) {
  const where = { port: running.port, path: `/large?bytes=${bytes}` }
  return runClient(plan.home, plan.program, 'large', where, bytes)
}

async function measureCell(
  plan: Plan,
  one: Started,
  round: number,
  bytes: number,
): Promise<LargeCell> {
  const { target, running } = one
  const { result, usage } = await measureUsage(running, async () => {
    const figures = await read(plan, one, bytes)
    return { result: figures, clientMs: figures('cpuMs') }
  })
  const isWhole = result('bytes') === bytes && result('wrong') === 0 && result('status') === 200
  return {
    round,
    target: target.name,
    title: target.title,
    bytes,
    mbPerSecond: isWhole ? bytes / 1000 / result('ms') : Number.NaN,
    clientMs: result('cpuMs'),
    usage,
    errors: isWhole
      ? []
      : [`status ${result('status')}, ${result('bytes')} bytes, ${result('wrong')} wrong`],
  }
}

function formatCells(cells: readonly LargeCell[]): string {
  const rows = groupByTarget(cells).map((mine) => [
    mine[0].title,
    formatSummary(summarize(mine.map(({ mbPerSecond }) => mbPerSecond))),
    ...['node', 'nginx', 'nginx-buffered'].map((beside) =>
      formatSummary(compare(cells, mine[0].target, beside)),
    ),
    formatCpu(
      mine.map(({ usage }) => usage),
      (ms, i) => perGigabyte(mine[i], ms),
    ),
    formatNumber(takeMedian(mine.map(({ usage }) => usage.othersPercent))),
  ])
  const heads = [
    'target',
    'MB/s',
    '÷ bare',
    '÷ nginx',
    '÷ nginx buffered',
    'CPU s per GB',
    'others %',
  ]
  return formatTable(heads, rows)
}

function perGigabyte(cell: LargeCell | undefined, ms: number): number {
  return (ms * 1e6) / (cell?.bytes ?? Number.NaN)
}

function compare(cells: readonly LargeCell[], target: string, beside: string): Summary {
  const mine = cells.filter((cell) => cell.target === target)
  return summarize(
    mine.map(
      (cell) => cell.mbPerSecond / (besideOf(cells, cell, beside)?.mbPerSecond ?? Number.NaN),
    ),
  )
}
