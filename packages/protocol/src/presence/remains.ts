/** What a dead node leaves in Redis, and how it is cleared: held lists of a worker, mailbox and waiting jobs of a front. */
import type { Connections } from '../connections.js'
import { keys } from '../keys.js'
import { isReplyError } from '../link.js'
import { listOf } from '../list.js'
import type { NodeRecord } from './record.js'
import { type Outcome, settle } from './settlement.js'
import { verdictOf } from './verdict.js'

/** Held jobs read at once: each may be a megabyte. */
const PAGE = 16
/** A front that is only paused finds its replies when it comes back within this time. */
const MAILBOX_S = 600
/** The deadline of jobs whose node told none. */
const DEADLINE_MS = 30_000

export interface SweepCounts {
  /** Nodes this one has swept. */
  sweeps: number
  /** What became of their jobs. */
  jobs: Partial<Record<Outcome, number>>
}

/** For how long, in ms, something may still turn up that a dead node has left. */
export function remains(record: NodeRecord, parkedMs: number, lateMs: number): number {
  return record.role === 'worker' ? parkedMs : (record.longest ?? 0) + lateMs
}

/** What a sweeper knows of this clearing. */
export interface Clearing {
  counts: SweepCounts
  isCancelled(base: string): boolean
  /** It was cleared before: a job that is held now was popped for a node that was gone, and has not begun. */
  again: boolean
  /** Nothing can turn up any more. */
  last: boolean
}

/** Clears what is there now. @returns how many jobs were settled. */
export async function clear(
  connections: Connections,
  record: NodeRecord,
  clearing: Clearing,
): Promise<number> {
  if (record.role !== 'worker') {
    const mailbox = keys.mailbox(record.boot)
    if (clearing.last) await connections.commands.send('del', [mailbox])
    else if (!clearing.again) await connections.commands.send('expire', [mailbox, MAILBOX_S])
    return 0
  }
  let settled = 0
  const refusals: unknown[] = []
  for (const queue of record.queues) {
    try {
      settled += await clearHeld(connections, record, queue, clearing)
    } catch (error) {
      if (!isReplyError(error)) throw error
      refusals.push(error)
    }
  }
  // The other queues were cleared; this one is tried again.
  if (refusals.length > 0) throw refusals[0]
  return settled
}

async function clearHeld(
  connections: Connections,
  { boot, suspects = false }: NodeRecord,
  queue: string,
  { counts, isCancelled, again }: Clearing,
): Promise<number> {
  const { commands, clock, epoch } = connections
  // From here on its takes are refused, should it only have been paused. Once it was swept, who is registered is here again.
  if (!again) await commands.send('zrem', [keys.workers(queue), boot])
  const held = keys.held(queue, boot)
  const suspectsKey = keys.suspects(queue, boot)
  const marks = new Set(listOf(await commands.send('smembers', [suspectsKey])).map(String))
  const began = again ? 'none' : suspects ? 'marked' : 'all'
  const untilMs = (deadline: number): number => clock.untilMs(deadline)
  let settled = 0
  const refused: unknown[] = []
  for (;;) {
    // Behind those that were refused, which stay where they are.
    const last = -1 - refused.length
    const page = await commands.send('lrange', [held, last - PAGE + 1, last])
    const raws = listOf(page).filter((raw) => Buffer.isBuffer(raw))
    if (raws.length === 0) break
    // From the end: each goes to the head of its list, so they end up in their old order. All in one write.
    const outcomes = await Promise.allSettled(
      raws.reverse().map((raw) => {
        const verdict = verdictOf(raw, { suspects: marks, began, epoch, untilMs, isCancelled })
        const at = clock.toRedis(performance.now())
        const cause = { code: 'WORKER_LOST', at, reason: 'POISONED', swept: true }
        return settle(commands, queue, boot, raw, verdict, cause)
      }),
    )
    let gone = false
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') {
        if (!isReplyError(outcome.reason)) throw outcome.reason
        refused.push(outcome.reason)
      } else {
        counts.jobs[outcome.value] = (counts.jobs[outcome.value] ?? 0) + 1
        if (outcome.value === 'gone') gone = true
        else settled++
      }
    }
    // It has come back, or another sweeper is at it.
    if (gone) return settled
  }
  // Only those that were read: it may be here again, and have begun others.
  if (marks.size > 0) await commands.send('srem', [suspectsKey, ...marks])
  if (refused.length > 0) throw refused[0]
  return settled
}

/** Nobody waits for the jobs of a front that is gone: workers drop them, waiting or running. */
export async function cancelAll(
  { commands, clock }: Connections,
  { boot, queues, longest }: NodeRecord,
): Promise<void> {
  const until = clock.toRedis(performance.now() + (longest || DEADLINE_MS))
  const message = JSON.stringify({ ids: [`${boot}-*`], until })
  for (const queue of queues) await commands.send('publish', [keys.cancel(queue), message])
}
