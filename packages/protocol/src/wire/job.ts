/**
 * A job on the wire: an array of exactly four, `[action, args, respond_to, job_id]`, in JSON or in MessagePack (docs/protocol.md, P-10, P-25).
 *
 * Metadata lives in `args[0].meta`; old clients unpack four elements and ignore keys they do not know.
 * Decoding never throws: what is not a job is a reason in words.
 */

import { type Encoding, packedFrom } from './encoding.js'
import { listOf } from './list.js'
import { packPlain } from './msgpack/pack.js'
import { Fault } from './msgpack/tokens.js'
import { unpack } from './msgpack/unpack.js'

/** How often a job may be tried where it does not say so itself: one that somebody asked, one that was pushed for nobody. */
export const ATTEMPTS = { asked: 3, pushed: 10 } as const

/** Metadata of a job. `deadline` is milliseconds of Redis' time; `retry`: it may be run again, `max_attempts` times in all. */
export interface Meta {
  v: 1
  deadline: number
  attempt: number
  retry: boolean
  max_attempts?: number
  epoch: string
  request_id: string
  traceparent?: string
  /** Where the front that asked listens for replies itself, `host:port`. */
  direct?: string
}

export interface Job {
  action: string
  args: unknown[]
  /** Mailbox of the node that waits for a reply; null: nobody waits. */
  respondTo: string | null
  id: string
  /** How it was encoded, where that is not JSON. */
  encoding?: Exclude<Encoding, 'json'>
}

/** Verbs are reserved as action names. `url` is an action, and accepted as an old alias of the verb `answer`. */
const reserved = new Set('answer head chunk end fail lost send close pause resume'.split(' '))

export function isReservedAction(action: string): boolean {
  return reserved.has(action)
}

/** Throws a TypeError unless the action is a non-empty string that is not a verb. */
export function checkAction(action: unknown): string {
  if (typeof action !== 'string' || action === '') {
    throw new TypeError('action: use a non-empty string')
  }
  if (isReservedAction(action)) {
    throw new TypeError(`action ${JSON.stringify(action)} is the name of a verb; choose another`)
  }
  return action
}

/** Encodes a job whose arguments need no metadata, or already have it. */
export function encodeJob(job: Job): string {
  return JSON.stringify([job.action, job.args, job.respondTo, job.id])
}

/** The same in MessagePack, of arguments that are plain. */
export function packJob(job: Job): Buffer {
  return packPlain([job.action, job.args, job.respondTo, job.id])
}

/**
 * Decodes an entry of a queue.
 * @returns the job, or `{ malformed }` with the reason and, where they could be read, whom to tell.
 */
export function decodeJob(bytes: Buffer): Job | { malformed: string; job?: Job } {
  const from = packedFrom(bytes)
  let value: unknown
  try {
    value = from < 0 ? JSON.parse(bytes.toString('utf8')) : unpack(bytes, from)
  } catch (error) {
    if (from < 0) return { malformed: 'not JSON' }
    return { malformed: `not MessagePack${error instanceof Fault ? `: ${error.message}` : ''}` }
  }
  if (!Array.isArray(value) || value.length !== 4) return { malformed: 'not an array of four' }
  const [action, args, respondTo, id] = listOf(value)
  if (respondTo !== null && typeof respondTo !== 'string') return { malformed: 'respond_to' }
  // What belongs to a queue is no mailbox; a reply there would be taken for a job in hand.
  if (respondTo?.startsWith('{')) return { malformed: 'respond_to' }
  const readable = idOf(id)
  if (readable === undefined) return { malformed: 'job_id' }
  const job: Job = { action: '', args: [], respondTo, id: readable }
  if (from >= 0) job.encoding = 'msgpack'
  if (typeof action !== 'string' || action === '') return { malformed: 'action', job }
  if (isReservedAction(action)) return { malformed: 'action is a verb', job }
  if (!Array.isArray(args)) return { malformed: 'args', job }
  job.action = action
  job.args = args
  return job
}

/** An id as text: numbers are taken, because old clients may send them. */
export function idOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : undefined
}

/** The metadata of a job's first argument, or undefined where it has none that is valid. */
export function metaOf(args: unknown[]): Meta | undefined {
  const first = args[0]
  if (typeof first !== 'object' || first === null || !Object.hasOwn(first, 'meta')) return undefined
  const meta: unknown = 'meta' in first ? first.meta : undefined
  return isMeta(meta) ? meta : undefined
}

function isMeta(value: unknown): value is Meta {
  if (typeof value !== 'object' || value === null) return false
  return (
    'v' in value &&
    value.v === 1 &&
    'deadline' in value &&
    Number.isFinite(value.deadline) &&
    'attempt' in value &&
    Number.isSafeInteger(value.attempt) &&
    'retry' in value &&
    typeof value.retry === 'boolean' &&
    (!('max_attempts' in value) || Number.isSafeInteger(value.max_attempts)) &&
    'epoch' in value &&
    typeof value.epoch === 'string' &&
    'request_id' in value &&
    typeof value.request_id === 'string' &&
    (!('traceparent' in value) || typeof value.traceparent === 'string') &&
    (!('direct' in value) || typeof value.direct === 'string')
  )
}
