/**
 * A million requests: is memory afterwards where it was, and has Redis the same keys?
 *
 * "Before" is after a warm-up, because compiled code and pools grow during the first seconds of any server. Every reading
 * comes after a pause and, in Node, after garbage collections.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { checkAnswer } from './answer.js'
import { writeCsv, type Row } from './csv.js'
import { formatJudgements, judge } from './goal.js'
import type { Home } from './home.js'
import { chooseLoadGenerator } from './load.js'
import { describeMachine, formatMachine } from './machine.js'
import { readMemory } from './memory.js'
import type { Options } from './options.js'
import { RedisReader } from './redis.js'
import { formatTable } from './table.js'
import { startTempest, type Tempest } from './target.js'

const CONNECTIONS = 64
const WARM_UP_SECONDS = 8
const CHUNK_SECONDS = 5
const SETTLE_MS = 3000
/** Memory may end this much above where it was: pages that the allocators keep. */
const MAX_RATIO = 1.1

/** @returns whether every request was answered. */
export async function measureMillion(home: Home, options: Options): Promise<boolean> {
  const generator = chooseLoadGenerator(options.load)
  const machine = describeMachine()
  const wanted = options.quick ? 100_000 : 1_000_000
  const running = await startTempest(home, { workers: 1, concurrency: 64 })
  const redis = new RedisReader(home, running.redis.url)
  await checkAnswer('tempest', running.url)
  await generator.run(running.url, CONNECTIONS, options.quick ? 2 : WARM_UP_SECONDS)

  const rows = [await readRow(running, redis, 0)]
  const errors: string[] = []
  let requests = 0
  for (let quarter = 1; quarter <= 4; quarter++) {
    if (requests >= (wanted * quarter) / 4) continue
    while (requests < (wanted * quarter) / 4) {
      const seconds = options.quick ? 1 : CHUNK_SECONDS
      const load = await generator.run(running.url, CONNECTIONS, seconds)
      requests += load.requests
      errors.push(...load.errors)
      if (load.requests === 0) throw new Error('no more answers')
    }
    rows.push(await readRow(running, redis, requests))
    console.log(`${requests} requests …`)
  }
  await redis.close()
  await running.stop()

  console.log(`\n${formatMachine(machine)}, load by ${generator.name}\n`)
  console.log(formatRows(rows))
  console.log(`\n${formatGoals(rows)}`)
  for (const error of errors) console.error(`!!! ${error}`)
  console.log(`\nEvery reading: ${writeCsv('million', machine, rows.map(toRow))}`)
  return errors.length === 0
}

const memories = ['front_rss', 'front_live', 'worker_rss', 'worker_live', 'redis_used'] as const
interface Reading extends Record<(typeof memories)[number], number> {
  requests: number
  keys: string[]
}

async function readRow(running: Tempest, redis: RedisReader, requests: number): Promise<Reading> {
  await sleep(SETTLE_MS)
  const [worker] = running.workers
  if (worker === undefined) throw new Error('no worker')
  const front = await readMemory(running.front)
  const hands = await readMemory(worker)
  return {
    requests,
    front_rss: front.rss,
    front_live: front.live,
    worker_rss: hands.rss,
    worker_live: hands.live,
    redis_used: await redis.memory(),
    keys: await redis.keys(),
  }
}

function toRow(reading: Reading): Row {
  return { ...reading, keys: reading.keys.join(' ') }
}

function formatRows(rows: readonly Reading[]): string {
  const toMiB = (bytes: number): string => (bytes / 2 ** 20).toFixed(2)
  return formatTable(
    ['requests', ...memories.map((name) => `${name.replace('_', ' ')} MiB`), 'keys'],
    rows.map((row) => [
      row.requests.toLocaleString('en-US'),
      ...memories.map((name) => toMiB(row[name])),
      row.keys.join(' '),
    ]),
  )
}

function formatGoals(rows: readonly Reading[]): string {
  const first = rows[0]
  const last = rows.at(-1)
  if (first === undefined || last === undefined) return ''
  const goals = memories.map((name) =>
    judge(
      `${name.replace('_', ' ')}, after ÷ before`,
      'at most',
      MAX_RATIO,
      last[name] / first[name],
    ),
  )
  goals.push(judge('keys, after − before', 'at most', 0, last.keys.length - first.keys.length))
  return formatJudgements(goals)
}
