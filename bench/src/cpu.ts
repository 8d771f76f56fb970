/**
 * CPU time of processes, from /proc: user and system time of all their threads, in milliseconds.
 * A shell works in its children: those that have ended count as it does.
 *
 * Where there is no /proc (not Linux) every figure is NaN, and the table shows a dash.
 */

import { readFileSync } from 'node:fs'

/** USER_HZ: what /proc counts in. It is 100 on every Linux that Node runs on. */
const MS_PER_TICK = 10

// Positions behind the command's name, which is in parentheses and may hold anything.
const UTIME = 11
const STIME = 12
const CUTIME = 13
const CSTIME = 14

/** CPU time of these processes together. */
export function readCpuMs(pids: readonly number[]): number {
  return pids.reduce(
    (sum, pid) => sum + readTicks(String(pid), UTIME, STIME, CUTIME, CSTIME) * MS_PER_TICK,
    0,
  )
}

/** CPU time of all children of this process that have ended: the difference around a load is the load generator's. */
export function readEndedChildrenCpuMs(): number {
  return readTicks('self', CUTIME, CSTIME) * MS_PER_TICK
}

/** CPU time all programs of the machine have had, and what its host took away (steal). */
export function readMachineCpuMs(): number {
  try {
    const [user, nice, system, , , irq, softirq, steal] = readFileSync('/proc/stat', 'latin1')
      .slice('cpu '.length)
      .trim()
      .split(/\s+/, 8)
      .map(Number)
    const ticks = [user, nice, system, irq, softirq, steal]
    return ticks.reduce<number>((sum, each) => sum + (each ?? 0), 0) * MS_PER_TICK
  } catch {
    return Number.NaN
  }
}

/** The process and the children it has now: nginx works in a child of its master. */
export function listFamily(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    return [pid, ...children.split(' ').filter(Boolean).map(Number)]
  } catch {
    return [pid] // A kernel without that file: the master alone is counted.
  }
}

function readTicks(pid: string, ...positions: number[]): number {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return Number.NaN
  }
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return positions.reduce((sum, position) => sum + Number(fields[position]), 0)
}
