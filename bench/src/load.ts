/**
 * The load generator: `wrk` where it is installed, else a small one of our own (`targets/load.ts`), and the bench says so.
 *
 * Both hold N keep-alive connections, each with one request at a time, for a number of seconds. Anything but a 2xx on
 * an open connection is an error, and an error voids the cell.
 */

import { execFile } from 'node:child_process'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { readEndedChildrenCpuMs } from './cpu.js'
import { findProgram } from './program.js'

const run = promisify(execFile)
const MARGIN_MS = 15_000
const POST = resolve(__dirname, '../encodings/post.lua')

interface Load {
  requests: number
  seconds: number
  p50Ms: number
  p99Ms: number
  /** CPU time of the load generator itself. */
  cpuMs: number
  /** In words, empty when every request was answered with 2xx. */
  errors: string[]
}

export interface LoadGenerator {
  name: 'wrk' | 'own'
  /** @param body a file whose bytes are posted; undefined: GET */
  run(url: string, connections: number, seconds: number, body?: string): Promise<Load>
}

/** @param patienceS seconds after which wrk calls an answer late, which is an error */
export function chooseLoadGenerator(wanted?: string, patienceS = 2): LoadGenerator {
  const wrk = wanted === 'own' ? undefined : findProgram('wrk')
  if (wrk === undefined) {
    const script = join(__dirname, 'targets', 'load.js')
    return {
      name: 'own',
      run: (url, connections, seconds, body = '') =>
        measure(
          process.execPath,
          [script, url, String(connections), String(seconds), body],
          seconds,
        ),
    }
  }
  return {
    name: 'wrk',
    run: (url, connections, seconds, body) => {
      const limits = [`-c${connections}`, `-d${seconds}s`, `--timeout=${patienceS}s`]
      const args = ['-t1', ...limits, '--latency']
      const post = body === undefined ? [url] : ['-s', POST, url, '--', body]
      return measure(wrk, [...args, ...post], seconds)
    },
  }
}

async function measure(command: string, args: string[], seconds: number): Promise<Load> {
  const before = readEndedChildrenCpuMs()
  const { stdout } = await run(command, args, { timeout: seconds * 1000 + MARGIN_MS })
  return { ...parseLoad(stdout), cpuMs: readEndedChildrenCpuMs() - before }
}

/** Reads the report of wrk, whose form our own generator keeps. */
function parseLoad(report: string): Omit<Load, 'cpuMs'> {
  const total = /(\d+) requests in ([\d.]+)(us|ms|s|m)/.exec(report)
  const errors: string[] = []
  if (total === null) errors.push('the load generator reported no requests')
  const sockets = /Socket errors: (.*)/.exec(report)?.[1]
  if (sockets !== undefined) errors.push(`socket errors: ${sockets}`)
  const status = /Non-2xx or 3xx responses: (\d+)/.exec(report)?.[1]
  if (status !== undefined) errors.push(`${status} responses that were not 2xx`)
  const requests = Number(total?.[1] ?? 0)
  if (total !== null && requests === 0) errors.push('not one request was answered')
  return {
    requests,
    seconds: toMs(total?.[2], total?.[3]) / 1000,
    p50Ms: readPercentile(report, 50),
    p99Ms: readPercentile(report, 99),
    errors,
  }
}

function readPercentile(report: string, percentile: number): number {
  const line = new RegExp(`\\s${percentile}%\\s+([\\d.]+)(us|ms|s|m)\\s`).exec(report)
  return toMs(line?.[1], line?.[2])
}

const msPerUnit = new Map([
  ['us', 0.001],
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
])

function toMs(amount: string | undefined, unit: string | undefined): number {
  return Number(amount) * (msPerUnit.get(unit ?? '') ?? Number.NaN)
}
