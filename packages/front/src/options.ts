/** Options of a front and of `front.work`, resolved and checked once at the entrance. */
import type { IncomingMessage } from 'node:http'
import { isIPv6 } from 'node:net'
import {
  checkEncoding,
  checkInteger,
  checkNumber,
  type Encoding,
  isPriority,
  type NodeOptions,
  type Priority,
  shown,
} from '@tempest/protocol'
import { type Direct, type ResolvedDirect, resolveDirect } from './direct/options.js'

export interface FrontOptions extends NodeOptions {
  /** How jobs are encoded; workers of ours reply in the same. @defaultValue 'json' */
  encoding?: 'json' | 'msgpack' | undefined
  /** Requests held at once; more get 503. @defaultValue 10000 */
  maxInFlight?: number | undefined
  /** Bytes of request bodies, unconfirmed jobs and responses not yet taken, held at once; beyond it requests get 503. @defaultValue 64 MiB */
  maxHeldBytes?: number | undefined
  /** How long, in ms, `stop()` lets open requests finish. @defaultValue 25000 */
  drainMs?: number | undefined
  /**
   * Where the front listens itself for replies over connections of their workers, as `'host:port'`, `':port'`, a port or an object: streams are then
   * exactly as fast as their clients, and workers that die are missed at once. @defaultValue off
   */
  direct?: Direct | false | undefined
  /**
   * Jobs bear the address of `direct` as `respond_to`, as workers of before 2013 expect it: they connect there and send `url <job_id> <json>`. The address
   * is claimed in Redis; until it is this front's, requests wait. @defaultValue false
   */
  legacy?: boolean | undefined
  /** How long, in ms, `stop()` goes on taking connections after `/readyz` has turned to 503. @defaultValue 0 */
  unreadyMs?: number | undefined
}

/** A value, or a function of the request that gives it. It runs before the body is read. */
export type PerRequest<T> = T | ((req: IncomingMessage) => T)

/**
 * - `'method'`: GET, HEAD, PUT, DELETE, OPTIONS, TRACE (RFC 9110, 9.2.2).
 * - `'idempotency-key'`: these, and any request with an Idempotency-Key header. Say so only where the application deduplicates.
 */
export type Retry = boolean | 'method' | 'idempotency-key'

export interface WorkOptions {
  /** Milliseconds from the request's arrival until 504. @defaultValue 30000 */
  deadlineMs?: PerRequest<number> | undefined
  /** Of a reply that comes in pieces: milliseconds without a further one until it is cut. @defaultValue 30000 */
  idleMs?: PerRequest<number> | undefined
  /** @defaultValue 'normal' */
  priority?: PerRequest<Priority> | undefined
  /** Whether the request may be run more than once. @defaultValue 'method' */
  retry?: PerRequest<Retry> | undefined
  /** How often a request may be pushed in all. @defaultValue 3 */
  maxAttempts?: PerRequest<number> | undefined
  /** Larger bodies get 413; 64 MiB at the most. @defaultValue 1 MiB */
  maxBodyBytes?: number | undefined
  /** With this many jobs waiting in the queue, requests get 503. @defaultValue 10000 */
  maxBacklog?: number | undefined
  /** Requests that would wait longer in the queue get 503 at once. @defaultValue an eighth of the request's deadlineMs */
  maxWaitMs?: PerRequest<number> | undefined
}

const MIB = 1024 * 1024
/** JSON makes six characters of a control character, and neither a string nor a value of Redis can have more than 512 MiB. */
const MAX_BODY_BYTES = 64 * MIB

export const frontDefaults = {
  encoding: 'json',
  maxInFlight: 10_000,
  maxHeldBytes: 64 * MIB,
  drainMs: 25_000,
  unreadyMs: 0,
} as const

export const workDefaults = {
  deadlineMs: 30_000,
  idleMs: 30_000,
  priority: 'normal',
  retry: 'method',
  maxAttempts: 3,
  maxBodyBytes: MIB,
  maxBacklog: 10_000,
  maxWaitPart: 1 / 8,
} as const

export interface ResolvedFrontOptions {
  encoding: Encoding
  maxInFlight: number
  maxHeldBytes: number
  drainMs: number
  unreadyMs: number
  direct: ResolvedDirect | undefined
  legacy: boolean
}

export interface ResolvedWorkOptions {
  deadlineMs: PerRequest<number>
  idleMs: PerRequest<number>
  priority: PerRequest<Priority>
  retry: PerRequest<Retry>
  maxAttempts: PerRequest<number>
  maxBodyBytes: number
  maxBacklog: number
  /** Undefined: a part of deadlineMs. */
  maxWaitMs: PerRequest<number> | undefined
}

/** @throws TypeError that names the option. */
export function resolveFrontOptions(options: FrontOptions): ResolvedFrontOptions {
  return {
    encoding: checkEncoding(options.encoding),
    maxInFlight: checkInteger('maxInFlight', options.maxInFlight ?? frontDefaults.maxInFlight, 1),
    maxHeldBytes: checkInteger(
      'maxHeldBytes',
      options.maxHeldBytes ?? frontDefaults.maxHeldBytes,
      1,
      Number.MAX_SAFE_INTEGER,
    ),
    drainMs: checkNumber('drainMs', options.drainMs ?? frontDefaults.drainMs, 0),
    unreadyMs: checkNumber('unreadyMs', options.unreadyMs ?? frontDefaults.unreadyMs, 0),
    ...resolveListener(options),
  }
}

function resolveListener({
  direct,
  legacy = false,
}: FrontOptions): Pick<ResolvedFrontOptions, 'direct' | 'legacy'> {
  const resolved = direct === undefined || direct === false ? undefined : resolveDirect(direct)
  if (typeof (legacy as unknown) !== 'boolean') {
    throw new TypeError(`legacy: use true or false, not ${shown(legacy)}`)
  }
  const address = resolved?.advertise ?? resolved?.host ?? ''
  if (legacy && (resolved === undefined || address.includes('[') || isIPv6(address))) {
    throw new TypeError('legacy: needs `direct` with a name or an IPv4 address')
  }
  return { direct: resolved, legacy }
}

/** @throws TypeError that names the option. Functions are checked by what they return, at each request. */
export function resolveWorkOptions(options: WorkOptions): ResolvedWorkOptions {
  if (typeof (options as unknown) !== 'object' || (options as unknown) === null) {
    throw new TypeError(`options: use an object, not ${shown(options)}`)
  }
  return {
    deadlineMs: unlessFunction(options.deadlineMs ?? workDefaults.deadlineMs, checkDeadline),
    idleMs: unlessFunction(options.idleMs ?? workDefaults.idleMs, checkIdle),
    priority: unlessFunction(options.priority ?? workDefaults.priority, checkPriority),
    retry: unlessFunction(options.retry ?? workDefaults.retry, checkRetry),
    maxAttempts: unlessFunction(options.maxAttempts ?? workDefaults.maxAttempts, checkAttempts),
    maxBodyBytes: checkInteger(
      'maxBodyBytes',
      options.maxBodyBytes ?? workDefaults.maxBodyBytes,
      0,
      MAX_BODY_BYTES,
    ),
    maxBacklog: checkInteger('maxBacklog', options.maxBacklog ?? workDefaults.maxBacklog, 1),
    maxWaitMs:
      options.maxWaitMs === undefined ? undefined : unlessFunction(options.maxWaitMs, checkMaxWait),
  }
}

export const checkDeadline = (value: unknown): number => checkNumber('deadlineMs', value, 1)

export const checkIdle = (value: unknown): number => checkNumber('idleMs', value, 1)

export const checkMaxWait = (value: unknown): number => checkNumber('maxWaitMs', value, 1)

export const checkAttempts = (value: unknown): number => checkInteger('maxAttempts', value, 1, 100)

export function checkPriority(value: unknown): Priority {
  if (isPriority(value)) return value
  throw new TypeError(`priority: use 'high', 'normal' or 'low', not ${shown(value)}`)
}

export function checkRetry(value: unknown): Retry {
  if (typeof value === 'boolean' || value === 'method' || value === 'idempotency-key') return value
  throw new TypeError(`retry: use true, false, 'method' or 'idempotency-key', not ${shown(value)}`)
}

function unlessFunction<T>(value: PerRequest<T>, check: (value: unknown) => T): PerRequest<T> {
  return typeof value === 'function' ? value : check(value)
}
