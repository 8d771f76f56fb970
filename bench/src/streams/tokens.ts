/** Tokens to 1,000 streams at once: as many as go through, and as many as 1,000 models would make. */

import { judge, type Judgement } from '../goal.js'
import { summarize, takeMedian } from '../statistics.js'
import { formatNumber, formatSummary, formatTable } from '../table.js'
import { StreamClient, type Figures } from './client.js'
import {
  besideOf,
  type Cell,
  formatCpu,
  groupByTarget,
  type Measured,
  toRow,
  warnIfVoid,
} from './rows.js'
import { inTurn, withTargets, type Plan, type Started } from './plan.js'
import { measureUsage, type Usage } from './usage.js'

const STREAMS = 1000
/** Tokens per second of each stream; 0: as many as it takes. */
const RATES = [50, 100, 0]
const WARM_UP_MS = 700
const GOAL_PER_SECOND = 50_000
/** What counts as keeping up with a rate, in parts of it. */
const KEPT = 0.97
const targets = ['node', 'nginx', 'mailbox', 'direct', 'mailbox2', 'direct2']

interface TokensCell extends Cell {
  rate: number
  perSecond: number
  chunksPerSecond: number
  p50Ms: number
  p99Ms: number
  clientMs: number
  tokens: number
  usage: Usage
}

export async function measureTokens(plan: Plan): Promise<Measured> {
  const cells: TokensCell[] = []
  await withTargets(plan, targets, (started) =>
    inTurn(plan, started, async (one, round) => {
      for (const rate of RATES) {
        const cell = await measureCell(plan, one, round, rate)
        warnIfVoid(`tokens, ${rate}/s`, cell)
        cells.push(cell)
      }
    }),
  )
  for (const rate of RATES) {
    const what = rate === 0 ? 'as many as they take' : `${rate} a second each`
    console.log(`\nTokens to ${STREAMS.toLocaleString('en-US')} streams, ${what}\n`)
    console.log(formatCells(cells.filter((cell) => cell.rate === rate)))
  }
  return {
    rows: cells.map((cell) => toRow(cell, cell.usage, (ms) => costOf(cell, ms))),
    goals: judgeCells(cells),
  }
}

async function measureCell(
  plan: Plan,
  { target, running }: Started,
  round: number,
  rate: number,
): Promise<TokensCell> {
  const where = { port: running.port, path: `/tokens?rate=${rate}` }
  const client = StreamClient.start(plan.home, plan.program, 'tokens', where, STREAMS)
  await client.answer()
  await Promise.all(running.makers.map((maker) => maker.ask('go')))
  await client.run(WARM_UP_MS)
  const { result, usage } = await measureUsage(running, async () => {
    const figures = await client.run(plan.seconds * 1000)
    return { result: figures, clientMs: figures('cpuMs') }
  })
  await client.stop()
  await running.settle()
  const errors = listErrors(result)
  const seconds = errors.length > 0 ? Number.NaN : result('wallMs') / 1000
  return {
    round,
    target: target.name,
    title: target.title,
    rate,
    perSecond: result('tokens') / seconds,
    chunksPerSecond: result('chunks') / seconds,
    p50Ms: result('p50Ms'),
    p99Ms: result('p99Ms'),
    clientMs: result('cpuMs'),
    tokens: result('tokens'),
    usage,
    errors,
  }
}

function listErrors(figure: Figures): string[] {
  const wrong = ['lost', 'disorder'].filter((name) => figure(name) !== 0)
  const errors = wrong.map((name) => `${name}: ${figure(name)}`)
  if (figure('still') > 0) errors.push(`${figure('still')} streams got nothing`)
  return errors
}

function formatCells(cells: readonly TokensCell[]): string {
  const heads = [
    'target',
    'tokens/s',
    'of bare',
    'HTTP chunks/s',
    'tokens/chunk',
    'token to client p50 ms',
    'p99 ms',
    'CPU s per 100k tokens',
    'others %',
  ]
  const rows = groupByTarget(cells).map((mine) => [
    mine[0].title,
    formatSummary(summarize(mine.map(({ perSecond }) => perSecond))),
    formatSummary(summarize(mine.map((cell) => ratioToBare(cells, cell)))),
    formatNumber(takeMedian(mine.map(({ chunksPerSecond }) => chunksPerSecond))),
    formatNumber(takeMedian(mine.map((cell) => cell.perSecond / cell.chunksPerSecond))),
    formatNumber(takeMedian(mine.map(({ p50Ms }) => p50Ms))),
    formatNumber(takeMedian(mine.map(({ p99Ms }) => p99Ms))),
    `${formatCpu(
      mine.map(({ usage }) => usage),
      (ms, i) => costOf(mine[i], ms),
    )} + client ${formatNumber(takeMedian(mine.map((cell) => costOf(cell, cell.clientMs))))}`,
    formatNumber(takeMedian(mine.map(({ usage }) => usage.othersPercent))),
  ])
  return formatTable(heads, rows)
}

/** CPU seconds for 100,000 tokens. */
function costOf(cell: TokensCell | undefined, ms: number): number {
  return (ms * 100) / (cell?.tokens ?? Number.NaN)
}

function ratioToBare(cells: readonly TokensCell[], cell: TokensCell): number {
  return cell.perSecond / (besideOf(cells, cell, 'node')?.perSecond ?? Number.NaN)
}

function judgeCells(cells: readonly TokensCell[]): Judgement[] {
  return RATES.flatMap((rate) =>
    groupByTarget(cells.filter((cell) => cell.rate === rate))
      .filter(([first]) => first.title.startsWith('Tempest'))
      .map((mine) => {
        const asked = rate * STREAMS * KEPT
        const limit = rate === 0 ? GOAL_PER_SECOND : Math.min(GOAL_PER_SECOND * KEPT, asked)
        const what =
          rate === 0 ? 'as many as go' : `${(rate * STREAMS).toLocaleString('en-US')}/s asked`
        const perSecond = takeMedian(mine.map((cell) => cell.perSecond))
        return judge(`tokens/s, ${what}: ${mine[0].title}`, 'at least', limit, perSecond)
      }),
  )
}
