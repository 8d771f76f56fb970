/** What a worker counts of its popping and of the jobs it has popped. */
import type { ErrorCode, SweepCounts } from '@tempest/protocol'

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

export interface PopCounts {
  takes: number
  parks: number
  popped: number
  largestTake: number
  /** How often it read its held lists: when it started, and after each trouble. */
  recoveries: number
}

export function noPops(): PopCounts {
  return { takes: 0, parks: 0, popped: 0, largestTake: 0, recoveries: 0 }
}

export interface WorkerStats extends JobCounts {
  boot: string
  state: 'made' | 'running' | 'quiet' | 'stopped'
  connected: boolean
  /** Jobs whose handler runs. */
  running: number
  /** Jobs popped and not begun. */
  waiting: number
  /** Jobs in the held lists: running, or their removal not yet confirmed. */
  held: number
  /** Replies Redis has not confirmed. */
  unconfirmed: number
  /** Replies whose mailbox Redis would not write. */
  undeliverable: number
  replyBatches: number
  largestReplyBatch: number
  pops: PopCounts
  /** Dead nodes this one has swept, and what became of their jobs. */
  swept: SweepCounts
}

export function countOne(counts: Partial<Record<string, number>>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1
}
