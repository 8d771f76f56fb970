/**
 * What becomes of a job whose worker is gone, or failed at it: the decision, without the doing (settlement.ts). Pure.
 *
 * A job somebody waits for is tried again only where it may be; a job nobody waits for always is, later and later. The id of a job that had begun
 * gets the next attempt, so that what its old worker still says is told apart; one that had not begun goes back as it was.
 */
import { randomBytes } from 'node:crypto'
import { attemptId, attemptsOf, splitId } from '../wire/ids.js'
import type { Encoding } from '../wire/encoding.js'
import { respell } from '../wire/msgpack/respell.js'
import { ATTEMPTS, decodeJob, type Job, type Meta, metaOf } from '../wire/job.js'

/**
 * - `return`: back to its list; it had not begun, or it was a bystander
 * - `again`: a strike, then back to its list, or to the dead list where that was one too many
 * - `final`: it is not tried again, and who waits is told
 * - `drop`: nobody waits, or somebody else sees to it
 * - `bury`: it could not be decoded
 */
type Fate = 'return' | 'again' | 'final' | 'drop' | 'bury'

export interface Verdict {
  how: Fate
  /** Empty where it could not be decoded. */
  id: string
  base: string
  attempt: number
  /** Who waits for the reply, if somebody does. */
  mailbox: string | null
  /** As it goes back; the same bytes where its id stays. */
  next: string | Buffer
  /** With this many strikes it is dead. */
  maxAttempts: number
  /** How it is encoded, where that is not JSON. */
  encoding: Encoding | undefined
}

/** What is known of the worker that is gone, and of now. */
export interface Circumstances {
  /** Ids of jobs of a further attempt that it had begun: suspects as they are, others with a plus in front. */
  suspects: ReadonlySet<string>
  /**
   * Which of its jobs had begun. `marked`: those of a first attempt, and of further ones those in `suspects`. `all`: another program's worker, which
   * marks none. `none`: it was gone before they came.
   */
  began: 'marked' | 'all' | 'none'
  epoch: string
  /** Milliseconds until a deadline in Redis' time. */
  untilMs(deadline: number): number
  isCancelled(base: string): boolean
}

export function verdictOf(raw: Buffer, circumstances: Circumstances): Verdict {
  const job = decodeJob(raw)
  if ('malformed' in job) {
    const nobody = { id: '', base: '', attempt: 1, mailbox: null, maxAttempts: 1 }
    return { how: 'bury', ...nobody, next: raw, encoding: undefined }
  }
  const meta = metaOf(job.args)
  const { attempt } = splitId(job.id)
  const base = ownBase(job)
  const verdict = (how: Fate, next: string | Buffer = raw): Verdict => ({
    how,
    id: job.id,
    base,
    attempt,
    mailbox: job.respondTo,
    next,
    maxAttempts: attemptsAllowed(job, meta),
    encoding: job.encoding,
  })
  if (circumstances.isCancelled(base)) return verdict('drop')
  const stale = isOfAnotherEpoch(job, meta, circumstances.epoch)
  const { suspects: marks } = circumstances
  const marked = marks.has(job.id) || marks.has(bystander(job.id))
  const known = circumstances.began === 'marked' && (attempt === 1 || marked)
  const began = known || circumstances.began === 'all'
  if (meta && circumstances.untilMs(meta.deadline) <= 0) {
    // A reply that had begun in time may go on behind the deadline: who waits for the rest must hear that it will not come.
    return verdict(began && job.respondTo !== null ? 'final' : 'drop')
  }
  if (!began && !stale) return verdict('return')
  if (!mayBeRetried(job, meta)) return verdict('final')
  // Who asked has pushed it again, or will.
  if (stale) return verdict('drop')
  // Where it ran a suspect, that may be why it died; else it may have been any of those that had begun.
  const struck = marked || ![...marks].some((mark) => !mark.startsWith('+'))
  const next = attemptId(base, attempt + 1)
  return verdict(
    struck ? 'again' : 'return',
    job.encoding === 'msgpack'
      ? respell(raw, next, meta && attempt + 1)
      : nextAttempt(raw, next, attempt, meta),
  )
}

/** The mark of a job of a further attempt against which nothing stands: its push was repeated, or it was beside another that was struck. */
export function bystander(id: string): string {
  return `+${id}`
}

/** A job nobody waits for is always retried: that is what was promised to who pushed it. */
export function mayBeRetried(job: Job, meta: Meta | undefined): boolean {
  if (job.respondTo === null) return true
  return meta ? meta.retry : attemptsOf(splitId(job.id).base) !== undefined
}

/** It was pushed before Redis was restarted, so it may have been carried out since it was saved. Of jobs without metadata nobody knows. */
export function isOfAnotherEpoch(job: Job, meta: Meta | undefined, epoch: string): boolean {
  return job.respondTo !== null && !!meta && meta.epoch !== '' && meta.epoch !== epoch
}

function attemptsAllowed(job: Job, meta: Meta | undefined): number {
  const said = meta?.max_attempts ?? attemptsOf(splitId(job.id).base)
  return said ?? (job.respondTo === null ? ATTEMPTS.pushed : ATTEMPTS.asked)
}

/**
 * The job with the id of its next attempt, all other bytes as they were: encoding it anew would change numbers that JSON.parse
 * cannot hold.
 */
function nextAttempt(raw: Buffer, id: string, attempt: number, meta: Meta | undefined): string {
  const text = raw.toString('utf8')
  const renamed = `${text.slice(0, startOfId(text))}${JSON.stringify(id)}]`
  if (!meta) return renamed
  // With its deadline: arguments may hold something that looks like metadata.
  const said = (n: number): string => `"meta":{"v":1,"deadline":${meta.deadline},"attempt":${n},`
  return renamed.replace(said(attempt), () => said(attempt + 1))
}

/** The base id that strikes are counted by. A program that waits for no reply may leave it empty: its job gets one at its first attempt. */
function ownBase({ id }: Job): string {
  return id === '' ? `~${randomBytes(6).toString('hex')}` : splitId(id).base
}

/** Where the last element of a job begins. It is looked for from the end: what stands before it may be a megabyte of anything. */
function startOfId(text: string): number {
  let end = text.trimEnd().length - 1
  while (isSpace(text.charCodeAt(end - 1))) end--
  let start = end - 1
  if (text[start] !== '"') {
    while (start > 0 && /[-+.\deE]/.test(text[start - 1] ?? '')) start--
    return start
  }
  do start--
  while (start > 0 && (text[start] !== '"' || isEscaped(text, start)))
  return start
}

function isSpace(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13)
}

function isEscaped(text: string, at: number): boolean {
  let slashes = 0
  while (text[at - slashes - 1] === '\\') slashes++
  return slashes % 2 === 1
}
