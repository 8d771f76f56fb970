/** Under light load: from the request to the first byte of its stream, one request after the other on one connection. */

import { summarize, takeMedian } from '../statistics.js'
import { formatNumber, formatSummary, formatTable } from '../table.js'
import { runClient } from './client.js'
import { inTurn, withTargets, type Plan, type Started } from './plan.js'
import { besideOf, type Cell, groupByTarget, type Measured, toRow, warnIfVoid } from './rows.js'

const targets = ['node', 'nginx', 'mailbox', 'direct']
/** A request and its pause take about 6 ms. */
const REQUESTS_PER_SECOND = 150
const PAUSE_US = 3000
const WARM_UP = 100

interface FirstCell extends Cell {
  p50Ms: number
  p99Ms: number
}

export async function measureFirst(plan: Plan): Promise<Measured> {
  const cells: FirstCell[] = []
  await withTargets(plan, targets, async (started) => {
    for (const one of started) await request(plan, one, WARM_UP)
    await inTurn(plan, started, async (one, round) => {
      const { name, title } = one.target
      const figure = await request(plan, one, plan.seconds * REQUESTS_PER_SECOND)
      const failed = figure('failed')
      const errors = failed > 0 ? [`${failed} failed`] : []
      const cell = { round, target: name, title, errors }
      warnIfVoid('first', cell)
      cells.push({ ...cell, p50Ms: figure('p50Ms'), p99Ms: figure('p99Ms') })
    })
  })
  console.log('\nTime to the first byte of a stream, one request at a time\n')
  console.log(formatCells(cells))
  return { rows: cells.map((cell) => toRow(cell)), goals: [] }
}

function request(plan: Plan, { running }: Started, count: number) {
  const where = { port: running.port, path: '/first' }
  return runClient(plan.home, plan.program, 'first', where, count, PAUSE_US)
}

function formatCells(cells: readonly FirstCell[]): string {
  const rows = groupByTarget(cells).map((mine) => [
    mine[0].title,
    formatSummary(summarize(mine.map(({ p50Ms }) => p50Ms))),
    formatSummary(summarize(mine.map(({ p99Ms }) => p99Ms))),
    formatNumber(
      takeMedian(
        mine.map((cell) => cell.p50Ms - (besideOf(cells, cell, 'node')?.p50Ms ?? Number.NaN)),
      ),
    ),
  ])
  return formatTable(['target', 'p50 ms', 'p99 ms', 'p50 more than bare, ms'], rows)
}
