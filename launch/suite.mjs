// `npm test`: jest, with the arguments given. With CI=true it first runs the checks (format, lint,
// types, dead code) and then counts a skipped or to-do test as a failure: what CI cannot run,
// nobody has run.
import fs from 'node:fs'
import { fileURLToPath } from 'node:url'
import { runCommand, runNpm } from './command.mjs'

/** Resolves the exit code. */
export async function runSuite(root, args) {
  const strict = process.env.CI === 'true'
  if (strict) {
    const code = await runNpm(['run', 'check'], { cwd: root })
    if (code !== 0) return code
  }
  const jest = fileURLToPath(new URL('node_modules/jest/bin/jest.js', root))
  const results = new URL('.cache/jest.json', root)
  fs.rmSync(results, { force: true })
  const report = strict ? ['--json', `--outputFile=${fileURLToPath(results)}`] : []
  const code = await runCommand(process.execPath, [jest, ...report, ...args], { cwd: root })
  return strict && fs.existsSync(results) ? judge(JSON.parse(fs.readFileSync(results)), code) : code
}

function judge(results, code) {
  const skipped = results.testResults.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status !== 'passed' && status !== 'failed')
      .map(({ fullName, status }) => `${status}: ${fullName} (${name})`),
  )
  for (const line of skipped) console.error(line)
  if (skipped.length > 0) console.error('With CI=true a test that does not run is a failure.')
  // The counts alone on a line: the form in which a CI that does not know jest reads them.
  const { numPassedTests, numFailedTests } = results
  console.log(`${numPassedTests} passed, ${numFailedTests} failed, ${skipped.length} skipped`)
  return code === 0 && (skipped.length > 0 || numPassedTests === 0) ? 1 : code
}
