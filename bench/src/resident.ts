/** Memory of processes as the system counts it, from /proc: NaN where there is none. */

import { readFileSync } from 'node:fs'

/** Resident bytes of these processes together. A page that several of them share counts once. */
export function readResidentBytes(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + readShare(pid), 0)
}

function readShare(pid: number): number {
  try {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1')
    return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1]) * 1024
  } catch {
    return Number.NaN
  }
}
