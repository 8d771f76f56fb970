/** Where and of what a result is: commit, Node, processor. A figure without these says nothing. */

import { execFileSync } from 'node:child_process'
import { cpus, totalmem } from 'node:os'

export interface Machine {
  date: string
  /** Short, with `+` where files differ from it. */
  commit: string
  node: string
  cpu: string
  memoryMiB: number
}

export function describeMachine(): Machine {
  const processors = cpus()
  return {
    date: new Date().toISOString(),
    commit: readCommit(),
    node: process.version,
    cpu: `${processors.length} × ${processors[0]?.model.trim() ?? 'unknown'}`,
    memoryMiB: Math.round(totalmem() / 2 ** 20),
  }
}

export function formatMachine(machine: Machine): string {
  const { date, commit, node, cpu, memoryMiB } = machine
  return `${date}, commit ${commit}, Node ${node}, ${cpu}, ${memoryMiB} MiB`
}

function readCommit(): string {
  try {
    const commit = git('rev-parse', '--short', 'HEAD')
    return git('status', '--porcelain') === '' ? commit : `${commit}+`
  } catch {
    return 'unknown' // An unpacked archive has no history; the results are no less true.
  }
}

function git(...args: string[]): string {
  return execFileSync('git', args, { cwd: __dirname, encoding: 'utf8', stdio: 'pipe' }).trim()
}
