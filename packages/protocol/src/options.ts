/** Options that every node shares, resolved and checked once at the entrance. */
import type { Redis, RedisOptions } from 'ioredis'
import { type Logger, silentLogger } from './logger.js'
import { type Encoding, encodings } from './wire/encoding.js'

export interface NodeOptions {
  /**
   * Where Redis is: a URL (`redis://`, `rediss://`), ioredis options, or an ioredis instance.
   * An instance is duplicated, never used and never closed. `keyPrefix` is refused: key names are the protocol.
   */
  redis: string | RedisOptions | Redis
  /** Anything with pino's `debug`, `info`, `warn`, `error`. @defaultValue silent */
  logger?: Logger | undefined
  /** How long, in ms, a push waits for a Redis that is away before it fails. @defaultValue 1000 */
  redisWaitMs?: number | undefined
  /** After so many ms without a sign of life this node is taken for dead, and what it left is settled by others. @defaultValue 2500 */
  patienceMs?: number | undefined
}

export interface ResolvedNodeOptions {
  redis: string | RedisOptions | Redis
  logger: Logger
  redisWaitMs: number
  patienceMs: number
}

export const nodeDefaults = { redisWaitMs: 1000, patienceMs: 2500 } as const

/** Records are written once a second. */
const MIN_PATIENCE_MS = 1000

export function resolveNodeOptions(options: NodeOptions): ResolvedNodeOptions {
  const given: unknown = options
  if (typeof given !== 'object' || given === null) {
    throw new TypeError('options: use an object with at least { redis }')
  }
  const { redis } = options
  if (typeof redis !== 'string' && (typeof redis !== 'object' || (redis as unknown) === null)) {
    throw new TypeError('redis: use a URL, ioredis options or an ioredis instance')
  }
  if (typeof redis === 'string' && !/^(rediss?|unix):\/\/|^\//.test(redis)) {
    throw new TypeError('redis: the URL must begin with redis://, rediss://, unix:// or /')
  }
  const logger = options.logger ?? silentLogger
  for (const method of ['debug', 'info', 'warn', 'error'] as const) {
    if (typeof logger[method] !== 'function') {
      throw new TypeError(`logger: has no method ${method}`)
    }
  }
  return {
    redis,
    logger,
    redisWaitMs: checkNumber('redisWaitMs', options.redisWaitMs ?? nodeDefaults.redisWaitMs, 0),
    patienceMs: checkNumber(
      'patienceMs',
      options.patienceMs ?? nodeDefaults.patienceMs,
      MIN_PATIENCE_MS,
    ),
  }
}

/** The number itself where it is finite and within [min, max]; else a TypeError that names the option. */
export function checkNumber(name: string, value: unknown, min: number, max = 2 ** 31 - 1): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < min || value > max) {
    throw new TypeError(`${name}: use a number from ${min} to ${max}, not ${shown(value)}`)
  }
  return value
}

/** As checkNumber, and whole. */
export function checkInteger(name: string, value: unknown, min: number, max = 2 ** 31 - 1): number {
  const number = checkNumber(name, value, min, max)
  if (!Number.isInteger(number)) {
    throw new TypeError(`${name}: use a whole number, not ${shown(value)}`)
  }
  return number
}

/** @throws TypeError for anything but an encoding; undefined is JSON. */
export function checkEncoding(value: unknown = 'json'): Encoding {
  const known = encodings.find((encoding) => encoding === value)
  if (known) return known
  throw new TypeError(`encoding: use 'json' or 'msgpack', not ${shown(value)}`)
}

/** A value for a message; anything can be given, also what has no text. */
export function shown(value: unknown): string {
  try {
    return String(value)
  } catch {
    return typeof value
  }
}
