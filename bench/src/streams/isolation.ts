/**
 * Clients that hardly read, and everybody else: the front's memory, and the latency of requests at a light and steady rate, without the slow
 * clients and with them. The same worker answers all.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { readCpuMs } from '../cpu.js'
import { judge, type Judgement } from '../goal.js'
import { summarize, takeMedian } from '../statistics.js'
import { formatNumber, formatSummary, formatTable } from '../table.js'
import { runClient, StreamClient, type Figures } from './client.js'
import { inTurn, withTargets, type Plan, type Started } from './plan.js'
import { type Cell, groupByTarget, type Measured, toRow, warnIfVoid } from './rows.js'

const targets = ['node', 'direct']
const SLOW_CLIENTS = 500
const MIB = 2 ** 20
const BYTES = 100 * MIB
const REQUESTS_PER_SECOND = 200
const WARM_UP_MS = 1000
/** Everything on the way to the slow clients is full when the processes have rested for so long, or after a while. */
const REST_MS = 500
const REST_PART = 0.1
const MAX_FILL_MS = 20_000
const MAX_RATIO = 1.2
/** The front's default. */
const MAX_HELD = 64 * MIB

interface IsolationCell extends Cell {
  p50WithoutMs: number
  p99WithoutMs: number
  /** While what is between the workers and the slow clients fills, as fast as it can. */
  p50FillingMs: number
  p99FillingMs: number
  p50WithMs: number
  p99WithMs: number
  fillMs: number
  heldMib: number
  rssWithoutMib: number
  rssMostMib: number
}

export async function measureIsolation(plan: Plan): Promise<Measured> {
  const cells: IsolationCell[] = []
  await withTargets(plan, targets, async (started) => {
    for (const one of started) await request(plan, one, WARM_UP_MS)
    await inTurn(plan, started, async (one, round) => {
      const cell = await measureCell(plan, one, round)
      warnIfVoid('isolation', cell)
      cells.push(cell)
    })
  })
  console.log(
    `\n${REQUESTS_PER_SECOND} requests a second, without and with ${SLOW_CLIENTS} clients that read a byte a second each of ${BYTES / MIB} MiB\n`,
  )
  console.log(formatCells(cells))
  return { rows: cells.map((cell) => toRow(cell)), goals: judgeCells(cells) }
}

function request(plan: Plan, { running }: Started, ms: number): Promise<Figures> {
  const where = { port: running.port, path: '/' }
  return runClient(plan.home, plan.program, 'steady', where, REQUESTS_PER_SECOND, ms)
}

async function measureCell(plan: Plan, one: Started, round: number): Promise<IsolationCell> {
  const { target, running } = one
  const before = await request(plan, one, plan.seconds * 1000)
  await running.holder?.ask('watch')
  const least = await readMost(one)
  const where = { port: running.port, path: `/large?bytes=${BYTES}` }
  const slow = StreamClient.start(plan.home, plan.program, 'slow', where, SLOW_CLIENTS)
  await slow.answer()
  const filling = await request(plan, one, plan.seconds * 1000)
  const fillMs = await untilFull(one)
  const during = await request(plan, one, plan.seconds * 1000)
  const most = await readMost(one)
  await slow.stop()
  await running.settle()
  const after = await request(plan, one, plan.seconds * 1000)
  const mean = (name: string): number => (before(name) + after(name)) / 2
  const failed = [before, filling, during, after].reduce((sum, figure) => sum + figure('failed'), 0)
  return {
    round,
    target: target.name,
    title: target.title,
    p50WithoutMs: mean('p50Ms'),
    p99WithoutMs: mean('p99Ms'),
    p50FillingMs: filling('p50Ms'),
    p99FillingMs: filling('p99Ms'),
    p50WithMs: during('p50Ms'),
    p99WithMs: during('p99Ms'),
    fillMs,
    heldMib: most.heldBytes / MIB,
    rssWithoutMib: least.rss / MIB,
    rssMostMib: most.rss / MIB,
    errors: failed > 0 ? [`${failed} requests failed`] : [],
  }
}

/** @returns how long it took, in ms. */
async function untilFull({ running }: Started): Promise<number> {
  const pids = [...running.pids().values()].flat()
  const began = performance.now()
  for (let before = readCpuMs(pids); performance.now() - began < MAX_FILL_MS;) {
    await sleep(REST_MS)
    const now = readCpuMs(pids)
    if (now - before < REST_MS * REST_PART) break
    before = now
  }
  return performance.now() - began
}

async function readMost({ running }: Started): Promise<{ rss: number; heldBytes: number }> {
  const answer = await running.holder?.ask('most')
  const unknown = { rss: Number.NaN, heldBytes: Number.NaN }
  return typeof answer === 'object' && answer !== null ? { ...unknown, ...answer } : unknown
}

function formatCells(cells: readonly IsolationCell[]): string {
  const heads = [
    'target',
    'p50 ms without',
    'with',
    'ratio',
    'p99 ms without',
    'with',
    'ratio',
    'while filling p50',
    'p99',
    'filled in ms',
    'held MiB, most',
    'resident MiB before',
    'most',
  ]
  const rows = groupByTarget(cells).map((mine) => {
    const figure = (name: keyof IsolationCell): string =>
      formatSummary(summarize(mine.map((cell) => Number(cell[name]))))
    return [
      mine[0].title,
      ...[figure('p50WithoutMs'), figure('p50WithMs')],
      formatSummary(summarize(mine.map((cell) => cell.p50WithMs / cell.p50WithoutMs))),
      ...[figure('p99WithoutMs'), figure('p99WithMs')],
      formatSummary(summarize(mine.map((cell) => cell.p99WithMs / cell.p99WithoutMs))),
      ...[figure('p50FillingMs'), figure('p99FillingMs'), figure('fillMs')],
      ...[figure('heldMib'), figure('rssWithoutMib'), figure('rssMostMib')],
    ]
  })
  return formatTable(heads, rows)
}

function judgeCells(cells: readonly IsolationCell[]): Judgement[] {
  return groupByTarget(cells)
    .filter(([first]) => first.title.startsWith('Tempest'))
    .flatMap((mine) => {
      const ratio = (part: 'p50' | 'p99'): number =>
        takeMedian(mine.map((cell) => cell[`${part}WithMs`] / cell[`${part}WithoutMs`]))
      const held = Math.max(...mine.map(({ heldMib }) => heldMib))
      const what = `${SLOW_CLIENTS} slow clients, ${mine[0].title}`
      return [
        judge(`p50 of others: ${what}`, 'at most', MAX_RATIO, ratio('p50')),
        judge(`p99 of others: ${what}`, 'at most', MAX_RATIO, ratio('p99')),
        judge(
          `MiB held (of ${formatNumber(MAX_HELD / MIB)}): ${what}`,
          'at most',
          MAX_HELD / MIB,
          held,
        ),
      ]
    })
}
