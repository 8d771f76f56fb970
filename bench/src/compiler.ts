/** The clients in C (`bench/sub/`, `bench/streams/`): compiled when they are missing or older than their sources. */

import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { findProgram } from './program.js'

/** @returns the path of the clients of hubs, or undefined where there is no compiler. @throws with what the compiler said. */
export function compileSubscribers(): string | undefined {
  return compile('sub', 'subscribers')
}

/** The same for the clients of streams. */
export function compileStreamClient(): string | undefined {
  return compile('streams', 'stream-client')
}

function compile(folder: string, name: string): string | undefined {
  const sources = resolve(__dirname, '..', folder)
  const compiled = join(__dirname, name)
  const files = readdirSync(sources).map((file) => join(sources, file))
  const newest = Math.max(...files.map((file) => statSync(file).mtimeMs))
  if (existsSync(compiled) && statSync(compiled).mtimeMs > newest) return compiled
  const compiler = findProgram('cc') ?? findProgram('gcc') ?? findProgram('clang')
  if (compiler === undefined) return undefined
  const units = files.filter((file) => file.endsWith('.c'))
  execFileSync(compiler, ['-O2', '-std=gnu11', '-Wall', '-o', compiled, ...units])
  return compiled
}
