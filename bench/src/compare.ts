/**
 * The table: every target under every number of connections, interleaved.
 *
 * All targets are up for the whole run; each round visits every cell once, so that a slow minute of the machine hits all of
 * them. The order of the targets turns by one with each round. Ratios are taken within a round, then their median.
 */

import { checkAnswer, listDifferences, type Answer } from './answer.js'
import { formatDisturbance, measureCell, warnIfVoid } from './cell.js'
import { formatComparison, formatGoals, listRows } from './comparison.js'
import { writeCsv } from './csv.js'
import type { Home } from './home.js'
import { chooseLoadGenerator } from './load.js'
import { describeMachine, formatMachine } from './machine.js'
import type { Options } from './options.js'
import { listTargets, type Running, type Target } from './target.js'
import type { Visit } from './visit.js'

const WARM_UP_CONNECTIONS = 64

/** @returns whether every cell is valid. */
export async function compare(home: Home, options: Options): Promise<boolean> {
  const generator = chooseLoadGenerator(options.load)
  const machine = describeMachine()
  if (generator.name === 'own') {
    console.log('wrk is not used: our own load generator costs more, compare only within this run.')
  }
  const { seconds, rounds = options.quick ? 2 : 5 } = options
  const started = await startAll(home, options.only)
  await checkAll(started)
  console.log('Warming up …')
  for (const [target, running] of started) {
    const load = await generator.run(running.url, WARM_UP_CONNECTIONS, options.quick ? 1 : 2)
    if (load.errors.length > 0)
      console.error(`!!! ${target.name}, warming up: ${load.errors.join('; ')}`)
  }

  const visits: Visit[] = []
  const order = [...started]
  for (let round = 1; round <= rounds; round++) {
    console.log(`Round ${round} of ${rounds} …`)
    for (const connections of options.connections) {
      for (const [target, running] of order) {
        const cell = await measureCell(running, generator, connections, seconds)
        warnIfVoid(cell, `${target.name}, ${connections} connections, round ${round}`)
        visits.push({ round, connections, target, cell })
      }
    }
    order.push(...order.splice(0, 1))
  }
  for (const running of started.values()) await running.stop()

  const void_ = visits.filter(({ cell }) => cell.errors.length > 0)
  console.log(`\n${formatMachine(machine)}`)
  console.log(
    `${rounds} rounds of ${seconds} s, load by ${generator.name}, ${void_.length} void cells\n`,
  )
  console.log(`${formatDisturbance(visits.map(({ cell }) => cell))}\n`)
  console.log(formatComparison(visits))
  console.log(`\n${formatGoals(visits)}`)
  const file = writeCsv('compare', machine, listRows(visits, generator.name))
  console.log(`\nEvery cell: ${file}`)
  return void_.length === 0
}

async function startAll(home: Home, only: readonly string[]): Promise<Map<Target, Running>> {
  const targets = listTargets()
  const unknown = only.find((name) => !targets.some((target) => target.name === name))
  if (unknown !== undefined) throw new TypeError(`--only ${unknown}: no such target`)
  const started = new Map<Target, Running>()
  for (const target of targets) {
    if (only.length > 0 && !only.includes(target.name)) continue
    if (target.missing === undefined) started.set(target, await target.start(home))
    else console.log(`Not run: ${target.title}: ${target.missing}`)
  }
  return started
}

/** Each must give the right answer; where headers differ from bare's, the bytes do too, and the reader should know. */
async function checkAll(started: Map<Target, Running>): Promise<void> {
  let bare: Answer | undefined
  for (const [target, running] of started) {
    const answer = await checkAnswer(target.name, running.url)
    if (target.name === 'bare') bare = answer
    const differences = bare === undefined ? [] : listDifferences(bare, answer)
    if (differences.length > 0) console.log(`${target.name} differs: ${differences.join('; ')}`)
  }
}
