/**
 * JSON beside MessagePack: bodies that a worker sends back as they came, small and of 64 KiB, text and bytes.
 *
 * Both fronts are up for the whole run, each with its own Redis and worker; each round visits every body in turn with both, one after the
 * other, and their order turns. Ratios are taken within one round and body.
 */

import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  formatCpu,
  formatDisturbance,
  measureCell,
  totalCpuUs,
  warnIfVoid,
  type Cell,
} from './cell.js'
import { cellColumns, writeCsv } from './csv.js'
import type { Home } from './home.js'
import { chooseLoadGenerator } from './load.js'
import { describeMachine, formatMachine } from './machine.js'
import type { Options } from './options.js'
import { summarize, takeMedian, type Summary } from './statistics.js'
import { formatNumber, formatSummary, formatTable } from './table.js'
import { startTempest, type Tempest } from './target.js'

const encodings = ['json', 'msgpack'] as const
const CONNECTIONS = 64
const SMALL_BYTES = 64
const LARGE_BYTES = 64 * 1024

interface Body {
  name: string
  bytes: Buffer
  file: string
}

interface Sample {
  round: number
  body: string
  encoding: (typeof encodings)[number]
  cell: Cell
}

/** @returns whether every cell is valid. */
export async function measureEncodings(home: Home, options: Options): Promise<boolean> {
  const generator = chooseLoadGenerator(options.load)
  const machine = describeMachine()
  const { quick, seconds, rounds = quick ? 2 : 5 } = options
  const folder = mkdtempSync(join(tmpdir(), 'tempest-bench-'))
  home.onClose(() => Promise.resolve(rmSync(folder, { recursive: true, force: true })))
  const bodies = makeBodies(folder)
  const started: [Sample['encoding'], Tempest][] = []
  for (const encoding of encodings) {
    const tempest = await startTempest(home, { workers: 1, concurrency: 64, encoding, echo: true })
    for (const body of bodies) await check(tempest.url, body)
    started.push([encoding, tempest])
  }
  console.log('Warming up …')
  for (const { file } of bodies) {
    for (const [, { url }] of started) await generator.run(url, CONNECTIONS, 1, file)
  }
  const samples: Sample[] = []
  for (let round = 1; round <= rounds; round++) {
    console.log(`Round ${round} of ${rounds} …`)
    for (const { name, file } of bodies) {
      for (const [encoding, tempest] of started) {
        const cell = await measureCell(tempest, generator, CONNECTIONS, seconds, file)
        warnIfVoid(cell, `${encoding}, ${name}, round ${round}`)
        samples.push({ round, body: name, encoding, cell })
      }
    }
    started.reverse()
  }
  for (const [, tempest] of started) await tempest.stop()

  console.log(`\n${formatMachine(machine)}`)
  console.log(
    `${rounds} rounds of ${seconds} s, ${CONNECTIONS} connections, load by ${generator.name}`,
  )
  console.log(`${formatDisturbance(samples.map(({ cell }) => cell))}\n`)
  console.log(formatSamples(bodies, samples))
  const rows = samples.map(({ cell, ...sample }) => ({
    load: generator.name,
    ...sample,
    ...cellColumns(cell),
  }))
  console.log(`\nEvery cell: ${writeCsv('encodings', machine, rows)}`)
  return samples.every(({ cell }) => isValid(cell))
}

function makeBodies(folder: string): Body[] {
  const text = (length: number): Buffer =>
    Buffer.from('Zwölf Boxkämpfer jagen "Viktor".\n'.repeat(length)).subarray(0, length)
  const make = (name: string, bytes: Buffer): Body => {
    const file = join(folder, name.replaceAll(/\W+/g, '-'))
    writeFileSync(file, bytes)
    return { name, bytes, file }
  }
  return [
    make('64 bytes of text', text(SMALL_BYTES)),
    make('64 bytes, binary', Buffer.alloc(SMALL_BYTES, 0xfe)),
    make('64 KiB of text', text(LARGE_BYTES)),
    make('64 KiB, binary', randomBytes(LARGE_BYTES)),
  ]
}

async function check(url: string, { name, bytes }: Body): Promise<void> {
  const answer = await fetch(url, { method: 'POST', body: new Uint8Array(bytes) })
  const back = Buffer.from(await answer.arrayBuffer())
  if (answer.status !== 200 || !back.equals(bytes)) throw new Error(`${name} came back as others`)
}

function isValid({ errors }: Cell): boolean {
  return errors.length === 0
}

function formatSamples(bodies: readonly Body[], samples: readonly Sample[]): string {
  const rows = bodies.flatMap(({ name }) =>
    encodings.map((encoding) => {
      const mine = samples.filter((each) => each.body === name && each.encoding === encoding)
      const cells = mine.map(({ cell }) => cell).filter(isValid)
      const cpu = cells.map(totalCpuUs)
      return [
        name,
        encoding,
        formatSummary(summarize(cells.map((cell) => cell.requestsPerSecond))),
        formatSummary(ofJson(samples, mine, (cell) => cell.requestsPerSecond)),
        formatNumber(takeMedian(cells.map((cell) => cell.p50Ms))),
        formatNumber(takeMedian(cells.map((cell) => cell.p99Ms))),
        formatCpu(cells),
        formatNumber(takeMedian(cpu)),
        formatSummary(ofJson(samples, mine, totalCpuUs)),
      ]
    }),
  )
  const heads = [
    ...['body', 'encoding', 'requests/s', 'of JSON', 'p50 ms', 'p99 ms'],
    ...['CPU µs/request', 'all', 'of JSON'],
  ]
  return formatTable(heads, rows)
}

/** Each divided by that of JSON in the same round. */
function ofJson(
  samples: readonly Sample[],
  mine: readonly Sample[],
  measure: (cell: Cell) => number,
): Summary {
  return summarize(
    mine.map(({ round, body, cell }) => {
      const json = samples.find(
        (each) => each.round === round && each.body === body && each.encoding === 'json',
      )
      if (!json || !isValid(cell) || !isValid(json.cell)) return Number.NaN
      return measure(cell) / measure(json.cell)
    }),
  )
}
