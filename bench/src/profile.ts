/**
 * `--profile <target>`: one target under the CPU profiler, a table of the functions with most time of their own.
 *
 * V8's profiler writes a .cpuprofile of each Node process, as --cpu-prof would, but of the measured seconds only; DevTools
 * opens them. Where `perf` is installed a second cell is measured with it, and the tables are perf's, which are truer (see
 * perf.ts). Requests per second are lower than without a profiler.
 */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { checkAnswer } from './answer.js'
import { measureCell, warnIfVoid, type Cell } from './cell.js'
import type { Child } from './child.js'
import { readProfile, type FunctionTime } from './cpuprofile.js'
import { resultsFolder } from './csv.js'
import type { Home } from './home.js'
import { chooseLoadGenerator } from './load.js'
import type { Options } from './options.js'
import { findPerf, perfFlags, recordPerf } from './perf.js'
import { formatNumber, formatTable } from './table.js'
import { listTargets, type Running } from './target.js'

const TOP = 25
const WARM_UP_SECONDS = 3

type Measure = () => Promise<Cell>

export async function runProfile(home: Home, name: string, options: Options): Promise<void> {
  const target = listTargets().find((candidate) => candidate.name === name)
  if (target === undefined) throw new TypeError(`--profile ${name}: no such target`)
  const perf = findPerf()
  if (perf !== undefined) home.nodeFlags.push(...perfFlags)
  const generator = chooseLoadGenerator(options.load)
  const connections = options.connections[0] ?? 64
  const running = await target.start(home)
  await checkAnswer(name, running.url)
  await generator.run(running.url, connections, WARM_UP_SECONDS)
  const measure: Measure = async () => {
    const cell = await measureCell(running, generator, connections, options.seconds)
    warnIfVoid(cell, name)
    return cell
  }

  console.log(`${target.title}, ${connections} connections, ${options.seconds} s`)
  const { files, cell } = await profileWithV8(name, running, measure)
  for (const [child, file] of files) console.log(`${child.name}: ${file}`)
  if (perf !== undefined && (await profileWithPerf(home, perf, running, measure))) return
  console.log(`\nV8's profiler: ${formatCell(cell)}`)
  for (const [child, file] of files) print(child, readProfile(file), cell)
}

async function profileWithV8(
  name: string,
  running: Running,
  measure: Measure,
): Promise<{ files: Map<Child, string>; cell: Cell }> {
  for (const child of running.children) await child.ask('profile')
  const cell = await measure()
  const folder = join(resultsFolder, 'profiles')
  mkdirSync(folder, { recursive: true })
  const stamp = new Date().toISOString().replaceAll(/[:.]/g, '-')
  const files = new Map<Child, string>()
  for (const child of running.children) {
    const file = join(folder, `${name}-${child.name}-${stamp}.cpuprofile`)
    await child.ask('save', file)
    files.set(child, file)
  }
  return { files, cell }
}

/** @returns false where perf may not watch processes here. */
async function profileWithPerf(
  home: Home,
  perf: string,
  running: Running,
  measure: Measure,
): Promise<boolean> {
  const recordings = new Map<Child, () => Promise<FunctionTime[]>>()
  try {
    for (const child of running.children) {
      recordings.set(child, await recordPerf(home, perf, child.pid))
    }
  } catch (error) {
    console.log(`perf is installed but cannot be used: ${String(error)}`)
    return false
  }
  const cell = await measure()
  console.log(`\nperf: ${formatCell(cell)}`)
  for (const [child, end] of recordings) print(child, await end(), cell)
  return true
}

function formatCell(cell: Cell): string {
  const cpu = [...cell.cpuUs].map(([role, us]) => `${role} ${formatNumber(us)}`).join(', ')
  return `${formatNumber(cell.requestsPerSecond)} requests/s; CPU µs per request: ${cpu}`
}

/** Shares are of the time in which the process was not idle. */
function print(child: Child, functions: readonly FunctionTime[], cell: Cell): void {
  const busy = functions.filter(({ name }) => name !== '(idle)')
  const busyUs = busy.reduce((sum, { selfUs }) => sum + selfUs, 0)
  const rows = busy
    .slice(0, TOP)
    .map(({ name, place, selfUs, kernelUs }) => [
      `${((100 * selfUs) / busyUs).toFixed(1)} %`,
      formatNumber(selfUs / cell.requests),
      formatNumber(kernelUs / cell.requests),
      name,
      place,
    ])
  console.log(`\n${child.name}: ${formatNumber(busyUs / cell.requests)} µs per request\n`)
  console.log(formatTable(['self', 'µs/request', 'in kernel', 'function', 'where'], rows))
}
