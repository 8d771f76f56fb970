/** Headless Chromium of the system, for what only a browser can tell. Without one the suites are skipped by name; in CI that is an error. */
import { describe } from '@jest/globals'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { describeWithRedis } from '../helpers/redis'

const folders = (process.env.PATH ?? '').split(':')
const executablePath = folders.map((folder) => join(folder, 'chromium')).find(existsSync)

/** It may have to wait for a core. */
const LAUNCH_MS = 120_000

export function describeWithChromium(name: string, suite: () => void): void {
  if (executablePath === undefined && process.env.CI !== 'true') {
    describe.skip(`${name} (skipped: no chromium on this machine)`, suite)
  } else {
    describeWithRedis(name, suite)
  }
}

export function launchChromium(): Promise<Browser> {
  if (executablePath === undefined) throw new Error('no chromium: apt-get install chromium')
  // Root may not use the sandbox, and CI is root.
  return chromium.launch({ executablePath, chromiumSandbox: false, timeout: LAUNCH_MS })
}
