// Runs tests in a copy of the sources and tells what became of each.
import { spawn } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'

// A test that hangs for longer is as red as one that fails.
const MOST_MS = 120_000

// Resolves to a map from `<file> > <title>` to jest's word for it, and the end of what jest said.
export async function runTests(dir, files, title) {
  const report = join(dir, 'faults-report.json')
  rmSync(report, { force: true })
  const args = [
    join(dir, 'node_modules/jest/bin/jest.js'),
    ...['--rootDir', dir, '--json', '--outputFile', report, '--maxWorkers', '2', '--silent'],
    ...(title === undefined ? [] : ['--testNamePattern', `${escaped(title)}$`]),
    ...['--runTestsByPath', ...files.map((file) => join(dir, file))],
  ]
  const said = await run(args, dir)
  const results = new Map()
  try {
    for (const suite of JSON.parse(readFileSync(report, 'utf8')).testResults) {
      const file = suite.name.slice(dir.length + 1)
      for (const each of suite.assertionResults) {
        results.set(`${file} > ${each.title}`, each.status)
      }
    }
  } catch {
    // No report: jest itself did not run, and `said` says why.
  }
  return { results, said }
}

function run(args, cwd) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, {
      ...{ cwd, timeout: MOST_MS, killSignal: 'SIGKILL' },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let said = ''
    child.stderr.on('data', (data) => (said = (said + data).slice(-4000)))
    child.on('close', () => resolve(said))
  })
}

function escaped(title) {
  return title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
