/** A job that has no id and no metadata yet: as JSON with a gap, or as the values MessagePack is made of. */
import { ATTEMPTS, type Meta, packJob } from '../wire/job.js'
import { integer } from '../wire/msgpack/pack.js'

/**
 * A job as text with a gap where its metadata goes: `before` + meta + `after`, then `respond_to` and the id. Without a gap
 * (`after` undefined) the job bears no metadata: its first argument is not an object.
 */
export interface JobText {
  before: string
  after: string | undefined
  requestId?: string | undefined
  traceparent?: string | undefined
}

/** A job in MessagePack, its values still apart. */
export interface JobValues {
  action: string
  /** Plain, and nobody else's. */
  args: unknown[]
  /** The first of them, where its metadata goes; undefined: it is no map, and the job bears none. */
  first: Map<string, unknown> | undefined
  /** About how many bytes it takes. */
  size: number
  requestId?: string | undefined
  traceparent?: string | undefined
}

/** What its exchange knows of a job when it is written. */
interface Terms {
  readonly base: string
  readonly attempt: number
  readonly dueAt: number
  readonly terms: { readonly retry: boolean; readonly maxAttempts: number }
}

/** And what its node knows. */
interface Place {
  readonly mailbox: string
  readonly address: string | undefined
  readonly epoch: string
  toRedisTime(monotonicMs: number): number
}

export function packValues(values: JobValues, job: Terms, node: Place, id: string): Buffer {
  const { action, args, first, requestId, traceparent } = values
  if (first) {
    const { retry, maxAttempts } = job.terms
    const meta: Omit<Meta, 'deadline'> & { deadline: number | bigint } = {
      v: 1,
      deadline: integer(node.toRedisTime(job.dueAt)),
      attempt: job.attempt,
      retry,
      epoch: node.epoch,
      request_id: requestId ?? job.base,
    }
    // Left out where it is what readers assume.
    if (retry && maxAttempts !== ATTEMPTS.asked) meta.max_attempts = maxAttempts
    if (traceparent !== undefined) meta.traceparent = traceparent
    if (node.address !== undefined) meta.direct = node.address
    first.set('meta', meta)
  }
  return packJob({ action, args, respondTo: node.mailbox, id })
}
