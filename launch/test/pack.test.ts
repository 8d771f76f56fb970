/** `npm run pack`: what it is told. What it makes is installed in test/packages.test.ts. */
import { afterEach, expect, test } from '@jest/globals'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { endAll, launch } from './launched'

afterEach(endAll)

test.each([
  [['--help'], 0, /^Usage: npm run pack \[-- <folder>\]/m],
  [['--halp'], 1, /^Unknown option '--halp'/m],
  [['a', 'b'], 1, /^npm run pack takes one folder/m],
])('%j is no folder, and makes none', async (args, code, sentence) => {
  const pack = launch('pack', {}, args)
  expect(await pack.ended).toBe(code)
  expect(pack.output()).toMatch(sentence)
  expect(existsSync(join(__dirname, '../..', args[0] ?? ''))).toBe(false)
})
