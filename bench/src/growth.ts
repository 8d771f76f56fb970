/**
 * Cost that must not grow: CPU per request with 100,000 jobs waiting and with 10,000 requests held open, and the memory
 * of a held request. What is compared was measured in the same round.
 */

import { measureBacklog } from './backlog.js'
import { formatCpu, formatDisturbance, totalCpuUs, type Cell } from './cell.js'
import { cellColumns, writeCsv, type Row } from './csv.js'
import { formatJudgements, judge } from './goal.js'
import { heldScenarios, measureHeld, type HeldMemory } from './held.js'
import type { Home } from './home.js'
import { chooseLoadGenerator } from './load.js'
import { describeMachine, formatMachine } from './machine.js'
import type { Options } from './options.js'
import { growthOf, type Sample } from './sample.js'
import { summarize, takeMedian } from './statistics.js'
import { formatNumber, formatSummary, formatTable } from './table.js'

const MAX_GROWTH = 1.2
const MAX_HELD_KIB = 12
const KIB = 1024

/** @returns whether every cell is valid. */
export async function measureGrowth(home: Home, options: Options): Promise<boolean> {
  const generator = chooseLoadGenerator(options.load)
  const machine = describeMachine()
  const { quick, seconds } = options
  const plan = {
    rounds: options.rounds ?? (quick ? 1 : 3),
    seconds,
    jobs: quick ? 10_000 : 100_000,
    held: quick ? 1000 : 10_000,
  }
  console.log(`${plan.rounds} rounds, ${plan.jobs} jobs waiting, ${plan.held} requests held …`)
  const backlog = await measureBacklog(home, generator, plan)
  const { samples: held, memories } = await measureHeld(home, generator, plan)
  const samples = [...backlog, ...held]

  console.log(`\n${formatMachine(machine)}, load by ${generator.name}`)
  console.log(`${formatDisturbance(samples.map(({ cell }) => cell))}\n`)
  console.log(formatGrowth(samples))
  console.log(`\n${formatMemories(memories)}`)
  console.log(`\n${formatGoals(samples, memories)}`)
  const load = generator.name
  const rows = samples.map(({ cell, ...sample }) => ({ load, ...sample, ...cellColumns(cell) }))
  console.log(`\nEvery cell: ${writeCsv('growth', machine, rows)}`)
  const memoryRows: Row[] = memories.map((memory) => ({ ...memory }))
  console.log(`Memory: ${writeCsv('held', machine, memoryRows)}`)
  return samples.every(({ cell }) => cell.errors.length === 0)
}

function formatGrowth(samples: readonly Sample[]): string {
  const names = [...new Set(samples.map(({ scenario }) => scenario))]
  const rows = names.map((name) => {
    const pick = (state: Sample['state']): Cell[] =>
      samples
        .filter((sample) => sample.scenario === name && sample.state === state)
        .map(({ cell }) => cell)
        .filter(({ errors }) => errors.length === 0)
    return [
      name,
      formatNumber(takeMedian(pick('without').map((cell) => cell.requestsPerSecond))),
      formatNumber(takeMedian(pick('with').map((cell) => cell.requestsPerSecond))),
      formatCpu(pick('without')),
      formatCpu(pick('with')),
      formatSummary(growthOf(samples, name, totalCpuUs)),
    ]
  })
  return formatTable(
    ['what', 'requests/s without', 'with', 'CPU µs/request without', 'with', 'growth of all'],
    rows,
  )
}

function formatMemories(memories: readonly HeldMemory[]): string {
  const rows = heldScenarios.map(({ name }) => {
    const of = memories.filter(({ scenario }) => scenario === name)
    return [
      name,
      formatSummary(summarize(of.map(({ rss }) => rss / KIB))),
      formatSummary(summarize(of.map(({ live }) => live / KIB))),
    ]
  })
  return formatTable(['KiB per held request', 'resident', 'live objects'], rows)
}

function formatGoals(samples: readonly Sample[], memories: readonly HeldMemory[]): string {
  const [bare, ...others] = heldScenarios
  const names = [...new Set(samples.map(({ scenario }) => scenario))]
  const rows = names
    .filter((name) => name !== bare.name)
    .flatMap((name) => {
      const all = growthOf(samples, name, totalCpuUs).median
      const front = growthOf(samples, name, (cell) => cell.cpuUs.get('front') ?? Number.NaN).median
      return [
        judge(`CPU per request: ${name}, front`, 'at most', MAX_GROWTH, front),
        judge(`CPU per request: ${name}, all processes`, 'at most', MAX_GROWTH, all),
      ]
    })
  for (const { name } of others) {
    const more = (kind: 'rss' | 'live'): number =>
      (medianOf(memories, name, kind) - medianOf(memories, bare.name, kind)) / KIB
    rows.push(
      judge(`KiB more than bare: ${name}, resident`, 'at most', MAX_HELD_KIB, more('rss')),
      judge(`KiB more than bare: ${name}, live objects`, 'at most', MAX_HELD_KIB, more('live')),
    )
  }
  return formatJudgements(rows)
}

function medianOf(memories: readonly HeldMemory[], name: string, kind: 'rss' | 'live'): number {
  return takeMedian(memories.filter(({ scenario }) => scenario === name).map((one) => one[kind]))
}
