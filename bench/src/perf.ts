/**
 * Profiles with Linux `perf`, where it is installed: samples by the kernel's timer, so that system calls weigh what they cost.
 *
 * V8's own profiler interrupts by a signal, which on virtual machines often arrives only when a system call returns; then
 * nearly all time seems to be spent in `writev`. Here a sample belongs to the nearest JavaScript function on its stack,
 * with all that runs below it in C++ and in the kernel. The Node process needs `perfFlags` from its start.
 */

import { execFile, spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { promisify } from 'node:util'
import { shortenPlace, type FunctionTime } from './cpuprofile.js'
import type { Home } from './home.js'
import { findProgram } from './program.js'

const run = promisify(execFile)

export const perfFlags = ['--perf-basic-prof', '--interpreted-frames-native-stack']

const SAMPLES_PER_SECOND = 499
const MAX_REPORT_BYTES = 2 ** 30

/** Begins to sample a process. The function it returns ends that and reads the samples. */
export async function recordPerf(
  home: Home,
  command: string,
  pid: number,
): Promise<() => Promise<FunctionTime[]>> {
  const file = `${home.folder}/perf-${pid}.data`
  const args = ['record', '-F', String(SAMPLES_PER_SECOND), '-g', '-p', String(pid), '-o', file]
  const child = spawn(command, args, { stdio: 'ignore' })
  home.own(child)
  home.onClose(() => {
    // V8 writes its symbols where perf looks for them, outside of our folder.
    rmSync(`/tmp/perf-${pid}.map`, { force: true })
    return Promise.resolve()
  })
  const ended = new Promise<void>((resolve, reject) => {
    child.once('exit', () => resolve())
    child.once('error', reject)
  })
  await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 500))])
  if (child.exitCode !== null) throw new Error(`perf record ended with ${child.exitCode}`)
  return async () => {
    child.kill('SIGINT')
    await ended
    const { stdout } = await run(command, ['script', '-i', file, '-F', 'ip,sym'], {
      maxBuffer: MAX_REPORT_BYTES,
    })
    return sumSamples(stdout)
  }
}

export function findPerf(): string | undefined {
  return findProgram('perf')
}

function sumSamples(report: string): FunctionTime[] {
  const times = new Map<string, FunctionTime>()
  for (const sample of report.trim().split(/\n\s*\n/)) {
    const frames = sample.split('\n').map((line) => line.trim())
    const { name, place } = attribute(frames.map((frame) => frame.replace(/^[0-9a-f]+ /, '')))
    const key = `${name} ${place}`
    const time = times.get(key) ?? { name, place, selfUs: 0, kernelUs: 0 }
    time.selfUs += 1e6 / SAMPLES_PER_SECOND
    // Kernel addresses are those of the upper half.
    if (/^ffff[0-9a-f]{12}\b/.test(frames[0] ?? '')) time.kernelUs += 1e6 / SAMPLES_PER_SECOND
    times.set(key, time)
  }
  return [...times.values()].sort((a, b) => b.selfUs - a.selfUs)
}

const collector = /^v8::internal::(Heap::|Scavenge|MarkCompact|Sweeper|ConcurrentMark|MinorGC)/

function attribute(frames: readonly string[]): { name: string; place: string } {
  if (frames.some((frame) => collector.test(frame)))
    return { name: '(garbage collector)', place: '' }
  const script = frames
    .map((frame) => /^JS:[*^~+']?(\S*) (.*?):(\d+)(?::\d+)?$/.exec(frame))
    .find(Boolean)
  if (script) {
    const [, name = '', file = '', line = ''] = script
    return { name: name === '' ? '(anonymous)' : name, place: `${shortenPlace(file)}:${line}` }
  }
  const native = frames.find((frame) => /^(node::|v8::|uv_)/.test(frame)) ?? frames.at(-1) ?? ''
  return {
    name: `(native) ${native.replaceAll('(anonymous namespace)::', '').replace(/\(.*/, '')}`.slice(
      0,
      60,
    ),
    place: '',
  }
}
