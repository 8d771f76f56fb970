/** The soak, for a few seconds: that it runs, and finds nothing. `npm run soak -- --minutes 30` is the real one. */
import { expect, test } from '@jest/globals'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describeWithRedis } from '../helpers/redis'

const SECONDS = 8

describeWithRedis('the soak', () => {
  test('mixes deaths of every kind, accounts for each request and finds nothing wrong', async () => {
    const args = ['--minutes', String(SECONDS / 60), '--round', '2', '--rate', '60']
    const program = join(__dirname, 'run.mjs')
    const { stdout } = await promisify(execFile)(process.execPath, [program, ...args])
    expect(stdout).toMatch(/requests: [1-9]\d+/)
    expect(stdout).toMatch(/workers killed: [1-9]/)
    expect(stdout).toContain('violations: 0')
  })
})
