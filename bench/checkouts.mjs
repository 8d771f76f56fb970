// `node bench/checkouts.mjs <before> [after] [--rounds 7] [--seconds 2] [--connections 64]`: CPU per request of two built checkouts, one
// round of each in turn, so that what the machine does meanwhile meets both. Prints medians, spreads and their ratio.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '2' },
    connections: { type: 'string', default: '64' },
    only: { type: 'string', default: 'tempest1' },
  },
})
const [before, after = resolve(import.meta.dirname, '..')] = positionals
if (before === undefined) {
  console.error('Usage: node bench/checkouts.mjs <folder of the checkout before> [folder after]')
  process.exit(1)
}
const columns = ['requests_per_second', 'cpu_front_us', 'cpu_worker_us', 'cpu_redis_us']
const samples = { before: [], after: [] }

/** One round in a checkout. @returns the row of its CSV, by column. */
async function run(folder) {
  const { seconds, connections, only } = values
  const args = ['--rounds', '1', '--seconds', seconds, '--connections', connections, '--only', only]
  const bench = spawn(process.execPath, [join(folder, 'bench/dist/main.js'), ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const [code] = await once(bench, 'exit')
  if (code !== 0) throw new Error(`the bench in ${folder} ended with ${code}`)
  const results = join(folder, 'bench/results')
  const file = readdirSync(results)
    .filter((name) => name.startsWith('compare-'))
    .sort()
    .at(-1)
  const [heads = '', ...lines] = readFileSync(join(results, file ?? ''), 'utf8').split('\n')
  const names = heads.split(',')
  const cells = lines.map((line) => line.split(',')).filter((cell) => cell.includes(only))
  return Object.fromEntries(names.map((name, i) => [name, cells[0]?.[i]]))
}

for (let round = 0; round < Number(values.rounds); round++) {
  samples.before.push(await run(before))
  samples.after.push(await run(after))
}

const show = (rows, column) => {
  const sorted = rows.map((row) => Number(row[column])).sort((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)]
  return {
    median,
    text: `${median.toFixed(1)} (${sorted[0].toFixed(1)}–${sorted.at(-1).toFixed(1)})`,
  }
}
for (const column of columns) {
  const [one, two] = [show(samples.before, column), show(samples.after, column)]
  console.log(`${column}: ${one.text} → ${two.text}, ratio ${(two.median / one.median).toFixed(3)}`)
}
