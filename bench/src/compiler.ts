/** The clients of the hubs are a program in C (`bench/sub/`): compiled when it is missing or older than its sources. */

import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { findProgram } from './program.js'

const sources = resolve(__dirname, '../sub')
const compiled = join(__dirname, 'subscribers')

/** @returns the path of the program, or undefined where there is no compiler. @throws with what the compiler said. */
export function compileSubscribers(): string | undefined {
  const files = readdirSync(sources).map((name) => join(sources, name))
  const newest = Math.max(...files.map((file) => statSync(file).mtimeMs))
  if (existsSync(compiled) && statSync(compiled).mtimeMs > newest) return compiled
  const compiler = findProgram('cc') ?? findProgram('gcc') ?? findProgram('clang')
  if (compiler === undefined) return undefined
  const units = files.filter((file) => file.endsWith('.c'))
  execFileSync(compiler, ['-O2', '-std=gnu11', '-Wall', '-o', compiled, ...units])
  return compiled
}
