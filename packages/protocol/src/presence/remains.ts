/** What a dead node leaves in Redis, and how it is cleared: held lists of a worker, mailbox and waiting jobs of a front. */
import { join } from 'node:path'
import type { Connections } from '../redis/connections.js'
import { keys } from '../wire/keys.js'
import { isReplyError } from '../redis/link.js'
import { listOf } from '../wire/list.js'
import { loadScript } from '../redis/script.js'
import type { NodeRecord } from './record.js'
import { type Outcome, settle } from './settlement.js'
import { verdictOf } from './verdict.js'

const unregisterScript = loadScript(join(__dirname, '..', '..', 'lua', 'unregister.lua'))

/** Held jobs read at once: each may be a megabyte. */
const PAGE = 16
/** A dead worker's parked call can still pop a job for as long as it may block, and a little. */
const PARKED_MS = 10_000
/** Replies to a dead front may come until its longest deadline, and be late. */
const LATE_MS = 3600_000
/** A front that is only paused finds its replies when it comes back within this time. */
const MAILBOX_S = 600

export interface SweepCounts {
  /** Nodes this one has swept. */
  sweeps: number
  /** What became of their jobs. */
  jobs: Partial<Record<Outcome, number>>
}

/** For how long, in ms, something may still turn up that a dead node has left. */
export function remainsMs(record: NodeRecord): number {
  return record.role === 'worker' ? PARKED_MS : (record.longest ?? 0) + LATE_MS
}

/** What a sweeper knows of this clearing. */
export interface Clearing {
  counts: SweepCounts
  isCancelled(base: string): boolean
  /** It was cleared before: a job that is held now was popped for a node that was gone, and has not begun. */
  again: boolean
  /** Nothing can turn up any more. */
  last: boolean
  /** Called before each page: it may take longer than a lock holds. */
  renew(): Promise<unknown>
}

/** How many jobs were settled, and whether that was all there was. */
export interface Cleared {
  settled: number
  whole: boolean
}

/** Clears what is there now. */
export async function clear(
  connections: Connections,
  record: NodeRecord,
  clearing: Clearing,
): Promise<Cleared> {
  const mailbox = keys.mailbox(record.boot)
  if (record.role !== 'worker') {
    if (clearing.last) await connections.commands.send('del', [mailbox])
    else if (!clearing.again) await connections.commands.send('expire', [mailbox, MAILBOX_S])
    return { settled: 0, whole: true }
  }
  // It has one where it streamed through the mailbox.
  if (!clearing.again) await connections.commands.send('expire', [mailbox, MAILBOX_S])
  const cleared = { settled: 0, whole: true }
  const refusals: unknown[] = []
  for (const queue of record.queues) {
    try {
      const of = await clearHeld(connections, record, queue, clearing)
      cleared.settled += of.settled
      if (!of.whole) cleared.whole = false
    } catch (error) {
      if (!isReplyError(error)) throw error
      refusals.push(error)
    }
  }
  // The other queues were cleared; this one is tried again.
  if (refusals.length > 0) throw refusals[0]
  return cleared
}

async function clearHeld(
  connections: Connections,
  { boot, suspects = false }: NodeRecord,
  queue: string,
  { counts, isCancelled, again, renew }: Clearing,
): Promise<Cleared> {
  const { commands, clock, epoch } = connections
  // Once it was swept, who is registered is here again.
  if (!again) {
    const lists = [keys.workers(queue), keys.nodes]
    const out = await commands.script(unregisterScript, lists, [boot])
    if (out !== 1) return { settled: 0, whole: false }
  }
  const held = keys.held(queue, boot)
  const suspectsKey = keys.suspects(queue, boot)
  const marks = new Set(listOf(await commands.send('smembers', [suspectsKey])).map(String))
  const began = again ? 'none' : suspects ? 'marked' : 'all'
  const untilMs = (deadline: number): number => clock.untilMs(deadline)
  let settled = 0
  const refused: unknown[] = []
  for (;;) {
    await renew()
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
    if (gone) return { settled, whole: false }
  }
  // Only those that were read: it may be here again, and have begun others.
  if (marks.size > 0) await commands.send('srem', [suspectsKey, ...marks])
  if (refused.length > 0) throw refused[0]
  return { settled, whole: true }
}
