/** What a phase cost: CPU time of every role, and how much of the machine went elsewhere. */

import { availableParallelism } from 'node:os'
import { readCpuMs, readMachineCpuMs } from '../cpu.js'
import type { RunningStreams, StreamRole } from './target.js'

export interface Usage {
  cpuMs: Map<StreamRole, number>
  othersPercent: number
}

/** @param run resolves to the CPU time, in ms, of the clients, which are a part of it */
export async function measureUsage<T>(
  running: RunningStreams,
  run: () => Promise<{ result: T; clientMs: number }>,
): Promise<{ result: T; usage: Usage }> {
  const roles = running.pids()
  const read = (): number[] => [...roles.values()].map((pids) => readCpuMs(pids))
  const before = read()
  const machineBefore = readMachineCpuMs()
  const began = performance.now()
  const { result, clientMs } = await run()
  const coresMs = (performance.now() - began) * availableParallelism()
  const used = read().map((ms, i) => ms - (before[i] ?? Number.NaN))
  const own = used.reduce((sum, ms) => sum + ms, clientMs)
  const othersMs = readMachineCpuMs() - machineBefore - own
  return {
    result,
    usage: {
      cpuMs: new Map([...roles.keys()].map((role, i) => [role, used[i] ?? Number.NaN])),
      othersPercent: (100 * Math.max(0, othersMs)) / coresMs,
    },
  }
}
