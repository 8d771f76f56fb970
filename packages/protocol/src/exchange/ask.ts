/** Options of `node.ask` and `node.push`, and how their arguments become a job. */
import type { Encoding } from '../wire/encoding.js'
import { ATTEMPTS, checkAction, encodeJob, packJob } from '../wire/job.js'
import { toPlain } from '../wire/msgpack/plain.js'
import type { JobText, JobValues } from './draft.js'
import { isPriority, type Priority } from '../wire/keys.js'
import { checkInteger, checkNumber, shown } from '../options.js'

export interface AskOptions {
  /** Milliseconds until the promise rejects with code DEADLINE. @defaultValue 30000 */
  deadlineMs?: number | undefined
  /** Which list of the queue. @defaultValue 'normal' */
  priority?: Priority | undefined
  /** The action may be run more than once: push again when a push has an unknown outcome. @defaultValue false */
  retry?: boolean | undefined
  /** How often the job may be pushed in all. @defaultValue 3 */
  maxAttempts?: number | undefined
  /** Aborting it rejects with code CANCELLED and tells the worker. */
  signal?: AbortSignal | undefined
}

export interface PushOptions extends Pick<AskOptions, 'priority'> {
  /** Milliseconds until it may be popped. @defaultValue 0 */
  delayMs?: number | undefined
  /** How often it may fail, or lose its worker, before it goes to the dead list. @defaultValue 10 */
  maxAttempts?: number | undefined
}

export interface ResolvedAsk {
  deadlineMs: number
  priority: Priority
  retry: boolean
  maxAttempts: number
}

export const askDefaults = {
  deadlineMs: 30_000,
  priority: 'normal',
  retry: false,
  maxAttempts: ATTEMPTS.asked,
} as const

export function resolveAsk(options: AskOptions): ResolvedAsk {
  if (typeof (options as unknown) !== 'object' || (options as unknown) === null) {
    throw new TypeError(`options: use an object, not ${shown(options)}`)
  }
  const { priority = askDefaults.priority, retry = askDefaults.retry } = options
  if (!isPriority(priority)) {
    throw new TypeError(`priority: use 'high', 'normal' or 'low', not ${shown(priority)}`)
  }
  if (typeof (retry as unknown) !== 'boolean') {
    throw new TypeError(`retry: use true or false, not ${shown(retry)}`)
  }
  const signal: unknown = options.signal
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError(`signal: use an AbortSignal, not ${shown(signal)}`)
  }
  return {
    deadlineMs: checkNumber('deadlineMs', options.deadlineMs ?? askDefaults.deadlineMs, 1),
    priority,
    retry,
    maxAttempts: checkInteger(
      'maxAttempts',
      options.maxAttempts ?? askDefaults.maxAttempts,
      1,
      100,
    ),
  }
}

/** @throws TypeError that names the option. */
export function resolvePush(options: PushOptions): Required<{
  priority: Priority
  delayMs: number
  maxAttempts: number
}> {
  const { priority } = resolveAsk(options)
  const { delayMs = 0, maxAttempts = ATTEMPTS.pushed } = options
  return {
    priority,
    delayMs: checkNumber('delayMs', delayMs, 0),
    maxAttempts: checkInteger('maxAttempts', maxAttempts, 1, 100),
  }
}

/**
 * The arguments as text, with a gap for metadata where the first of them is an object.
 * @throws TypeError for what JSON cannot carry, and where `args[0]` has the reserved key `meta`.
 */
export function jobText(action: string, args: readonly unknown[]): JobText {
  checkAction(action)
  checkArgs(args)
  const head = `[${JSON.stringify(action)},[`
  // Array.from and not map, which would leave gaps out.
  const [first, ...rest] = Array.from(args, encodeArg)
  if (first === undefined) return { before: `${head}]`, after: undefined }
  const tail = rest.map((arg) => `,${arg}`).join('') + ']'
  if (!first.startsWith('{')) return { before: head + first + tail, after: undefined }
  const open = first === '{}' ? '{' : first.slice(0, -1) + ','
  return { before: `${head}${open}"meta":`, after: '}' + tail }
}

/**
 * The same for a job in MessagePack.
 * @throws TypeError for what cannot be sent, and where `args[0]` has the reserved key `meta`.
 */
export function jobValues(action: string, args: readonly unknown[]): JobValues {
  checkAction(action)
  checkArgs(args)
  let size = ENVELOPE_BYTES
  const values = Array.from(args, (arg, i) => {
    const plain = toPlain(arg === undefined ? null : arg)
    if (!plain) throw new TypeError(`args[${i}] cannot be sent`)
    size += plain.size
    return plain.value
  })
  const [first] = values
  return { action, args: values, first: first instanceof Map ? first : undefined, size }
}

/** About what a job takes beside its arguments. */
export const ENVELOPE_BYTES = 64

/** The job that nobody waits for. */
export function pushedJob(action: string, args: readonly unknown[], id: string): string
export function pushedJob(
  action: string,
  args: readonly unknown[],
  id: string,
  encoding?: Encoding,
): string | Buffer
export function pushedJob(
  action: string,
  args: readonly unknown[],
  id: string,
  encoding?: Encoding,
): string | Buffer {
  if (encoding === 'msgpack') {
    return packJob({ action, args: jobValues(action, args).args, respondTo: null, id })
  }
  checkAction(action)
  checkArgs(args)
  args.forEach(encodeArg)
  return encodeJob({ action, args: [...args], respondTo: null, id })
}

function checkArgs(args: readonly unknown[]): void {
  if (!Array.isArray(args)) throw new TypeError('args: use an array')
  const first: unknown = args[0]
  if (typeof first === 'object' && first !== null && Object.hasOwn(first, 'meta')) {
    throw new TypeError('args[0].meta is reserved for metadata of the job; choose another key')
  }
}

function encodeArg(arg: unknown, i: number): string {
  // JSON.stringify gives undefined for functions and the like, against its declared type.
  const text: unknown = arg === undefined ? 'null' : JSON.stringify(arg)
  if (typeof text !== 'string') throw new TypeError(`args[${i}] cannot be sent as JSON`)
  return text
}
