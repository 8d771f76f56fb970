/** What a worker counts of the jobs it has popped. */
import type { ErrorCode } from '@tempest/protocol'

export interface JobCounts {
  answered: number
  /** By code of the failure. */
  failed: Partial<Record<ErrorCode, number>>
  /** Entries that were not jobs, by what is wrong with them. */
  malformed: Record<string, number>
  forwarded: number
  cancelled: number
  /** Past their deadline when they were popped. */
  expired: number
}

export function noJobs(): JobCounts {
  return { answered: 0, failed: {}, malformed: {}, forwarded: 0, cancelled: 0, expired: 0 }
}

export function countOne(counts: Partial<Record<string, number>>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1
}
