// `npm run faults`: plants each fault of table.mjs in a copy of the sources, one by one, and runs the
// test that has to notice. It fails where one does not, where a test is red without any fault, or
// where the text a fault replaces is not there any more.
//
//   npm run faults -- fence held    only those whose name has one of these words
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { copySources, plant } from './copy.mjs'
import { runTests } from './jest.mjs'
import { faults } from './table.mjs'

const words = process.argv.slice(2)
const chosen = faults.filter(
  ({ name }) => words.length === 0 || words.some((word) => name.includes(word)),
)

const row = (name, verdict, ms, rest) =>
  console.log(`${name.padEnd(32)} ${verdict.padEnd(12)} ${ms.padStart(6)}  ${rest}`)

async function main(dir) {
  let failures = 0
  const fail = (name, verdict, rest) => {
    failures++
    row(name, verdict, '', rest)
  }
  console.log(`${chosen.length} faults; first their tests without any`)
  const files = [...new Set(chosen.map(({ test }) => test[0]))]
  const { results, said } = await runTests(dir, files)
  const green = new Set()
  for (const [file, title] of new Set(chosen.map(({ test }) => test))) {
    const status = results.get(`${file} > ${title}`)
    if (status === 'passed') green.add(`${file} > ${title}`)
  }
  if (results.size === 0) console.error(said)
  row('fault', 'its test is', 'ms', 'test')
  for (const fault of chosen) {
    const [file, title] = fault.test
    const test = `${file} > ${title}`
    if (!green.has(test)) {
      fail(fault.name, 'NOT GREEN', `without the fault, or not there: ${test}`)
      continue
    }
    let undo
    try {
      undo = plant(dir, fault)
    } catch (error) {
      fail(fault.name, 'NOT PLANTED', error.message)
      continue
    }
    const startedAt = performance.now()
    const { results: found, said: why } = await runTests(dir, [file], title)
    undo()
    const status = found.get(test)
    const ms = (performance.now() - startedAt).toFixed(0)
    if (status === 'failed') row(fault.name, 'red', ms, test)
    else
      fail(
        fault.name,
        status === 'passed' ? 'SURVIVED' : 'NOT RUN',
        `${test}\n${status ? '' : why}`,
      )
  }
  console.log(
    failures === 0 ? 'Every fault was noticed.' : `${failures} of ${chosen.length} failed.`,
  )
  return failures === 0 ? 0 : 1
}

const { dir, remove } = copySources(fileURLToPath(new URL('..', import.meta.url)))
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    remove()
    process.exit(1)
  })
}
try {
  process.exitCode = await main(dir)
} finally {
  remove()
}
