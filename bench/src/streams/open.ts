/**
 * What an open stream takes: memory with that many of them, a token a second each, less that after the warm-up, by their number.
 *
 * Every count has fresh processes, warmed up with a few streams, because memory once used stays with a process.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Child } from '../child.js'
import { readMemory, type Memory } from '../memory.js'
import { summarize } from '../statistics.js'
import { formatSummary, formatTable } from '../table.js'
import { StreamClient } from './client.js'
import { choose, type Plan } from './plan.js'
import { type Cell, groupByTarget, type Measured, toRow } from './rows.js'
import type { RunningStreams, StreamTarget } from './target.js'

const targets = ['node', 'mailbox', 'direct']
const COUNTS = [1000, 4000]
const WARM_UP_STREAMS = 200
const PATH = '/tokens?rate=1'
const OPEN_MS = 1500
const KIB = 1024

interface OpenCell extends Cell {
  streams: number
  frontRssKib: number
  frontLiveKib: number
  workerRssKib: number
  workerLiveKib: number
}

export async function measureOpen(plan: Plan): Promise<Measured> {
  const cells: OpenCell[] = []
  const order = choose(plan, targets)
  for (let round = 1; round <= plan.rounds; round++) {
    for (const target of order) {
      for (const streams of COUNTS) cells.push(await measureCell(plan, target, round, streams))
    }
    order.push(...order.splice(0, 1))
  }
  console.log('\nKiB per open stream, a token a second each\n')
  console.log(formatCells(cells))
  return { rows: cells.map((cell) => toRow(cell)), goals: [] }
}

async function measureCell(
  plan: Plan,
  target: StreamTarget,
  round: number,
  streams: number,
): Promise<OpenCell> {
  const running = await target.start(plan.home)
  try {
    const warmUp = await open(plan, running, WARM_UP_STREAMS)
    await warmUp.stop()
    await running.settle()
    const worker = running.makers.find((maker) => maker !== running.holder)
    const read = (): Promise<(Memory | undefined)[]> =>
      Promise.all([running.holder, worker].map((child) => readIf(child)))
    const without = await read()
    const client = await open(plan, running, streams)
    const figure = await client.run(1000)
    const withThem = await read()
    await client.stop()
    const lost = figure('lost') + figure('disorder')
    const kib = (index: number, of: keyof Memory): number =>
      ((withThem[index]?.[of] ?? Number.NaN) - (without[index]?.[of] ?? Number.NaN)) / streams / KIB
    return {
      round,
      target: target.name,
      title: target.title,
      streams,
      frontRssKib: kib(0, 'rss'),
      frontLiveKib: kib(0, 'live'),
      workerRssKib: kib(1, 'rss'),
      workerLiveKib: kib(1, 'live'),
      errors: lost > 0 ? [`${lost} streams or tokens were lost`] : [],
    }
  } finally {
    await running.stop()
  }
}

async function open(plan: Plan, running: RunningStreams, count: number): Promise<StreamClient> {
  const where = { port: running.port, path: PATH }
  const client = StreamClient.start(plan.home, plan.program, 'tokens', where, count)
  await client.answer()
  await Promise.all(running.makers.map((maker) => maker.ask('go')))
  await sleep(OPEN_MS)
  return client
}

function readIf(child: Child | undefined): Promise<Memory | undefined> {
  return child ? readMemory(child) : Promise.resolve(undefined)
}

function formatCells(cells: readonly OpenCell[]): string {
  const rows = COUNTS.flatMap((streams) =>
    groupByTarget(cells.filter((cell) => cell.streams === streams)).map((mine) => [
      streams.toLocaleString('en-US'),
      mine[0].title,
      ...(['frontRssKib', 'frontLiveKib', 'workerRssKib', 'workerLiveKib'] as const).map((name) =>
        formatSummary(summarize(mine.map((cell) => cell[name]))),
      ),
    ]),
  )
  const heads = ['streams', 'target', 'front: resident', 'live', 'worker: resident', 'live']
  return formatTable(heads, rows)
}
