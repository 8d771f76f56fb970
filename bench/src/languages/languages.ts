/**
 * One worker process of each language in `examples/workers`, at most once and safe, beside the usual HTTP server of the same language
 * behind nginx.
 *
 * All of them are up for the whole run and idle but for the one that is measured; those of a language are measured one after the other,
 * and their order turns by one each round. Ratios are taken within one round.
 */

import { listDifferences, type Answer } from '../answer.js'
import { formatDisturbance, measureCell, warnIfVoid } from '../cell.js'
import { cellColumns, writeCsv } from '../csv.js'
import type { Home } from '../home.js'
import { chooseLoadGenerator } from '../load.js'
import { describeMachine, formatMachine } from '../machine.js'
import type { Options } from '../options.js'
import { formatSamples, ofServer, type Sample } from './rows.js'
import { startEntries, type Entry } from './entry.js'
import { settle } from './target.js'

const ROUNDS = 3
/** A client of a shell waits for seven others: that is no error. */
const PATIENCE_S = 20

/** @returns whether every cell is valid. */
export async function measureLanguages(home: Home, options: Options): Promise<boolean> {
  const generator = chooseLoadGenerator(options.load, PATIENCE_S)
  const machine = describeMachine()
  const { quick, seconds, rounds = quick ? 1 : ROUNDS } = options
  const entries = await startEntries(home, options.only)
  tellDifferences(entries)
  console.log('Warming up …')
  for (const { clients, contenders } of entries) {
    for (const { running } of contenders) {
      await generator.run(running.url, clients, 1)
      await settle(running)
    }
  }
  const samples: Sample[] = []
  for (let round = 1; round <= rounds; round++) {
    console.log(`Round ${round} of ${rounds} …`)
    for (const { name, clients, contenders } of entries) {
      for (const { who, running } of contenders) {
        const cell = await measureCell(running, generator, clients, seconds)
        const where = `${name}, ${who}, round ${round}`
        if (!(await settle(running))) cell.errors.push('it went on after the load had ended')
        warnIfVoid(cell, where)
        samples.push({ round, name, who, clients, cell })
      }
      contenders.push(...contenders.splice(0, 1))
    }
  }
  await Promise.all(
    entries.flatMap(({ contenders }) => contenders.map(({ running }) => running.stop())),
  )

  console.log(`\n${formatMachine(machine)}`)
  console.log(`${rounds} rounds of ${seconds} s, load by ${generator.name}`)
  console.log(`${formatDisturbance(samples.map(({ cell }) => cell))}\n`)
  console.log(formatSamples(entries, samples))
  const rows = samples.map((sample) => ({
    ...{ load: generator.name, round: sample.round, connections: sample.clients },
    ...{ language: sample.name, target: sample.who, of_server: ofServer(samples, sample) },
    ...cellColumns(sample.cell),
  }))
  console.log(`\nEvery cell: ${writeCsv('languages', machine, rows)}`)
  return samples.every(({ cell }) => cell.errors.length === 0)
}

/** Where headers differ the bytes do too, and the reader should know. */
function tellDifferences(entries: readonly Entry[]): void {
  for (const { name, contenders } of entries) {
    const answerOf = (wanted: string): Answer | undefined =>
      contenders.find(({ who }) => who === wanted)?.running.answer
    const worker = answerOf('worker')
    const server = answerOf('server')
    const differences = worker && server ? listDifferences(worker, server) : []
    if (differences.length > 0)
      console.log(`${name}, the server differs: ${differences.join('; ')}`)
  }
}
