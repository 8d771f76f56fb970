/**
 * What every connection of a node is a duplicate of: an ioredis instance that never connects, and the options that make a link.
 */
import { Redis, type RedisOptions } from 'ioredis'
import { reasonOf } from '../wire/errors.js'
import type { ResolvedNodeOptions } from '../options.js'

const CONNECT_MS = 2000
/** ioredis runs this timer also where the connection is gone already, and it keeps a process that stops from its end. */
const DISCONNECT_MS = 200
const RETRY_FIRST_MS = 50
const RETRY_MAX_MS = 1000

/** Rule 1 of popping and reading: no re-sending, no offline queue, our own retry. */
export const linkOptions: RedisOptions = {
  lazyConnect: false,
  connectTimeout: CONNECT_MS,
  disconnectTimeout: DISCONNECT_MS,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  maxRetriesPerRequest: 0,
  enableOfflineQueue: false,
  enableAutoPipelining: false,
  enableReadyCheck: true,
  maxLoadingRetryTime: 1000,
  monitor: false,
  retryStrategy: (attempt) =>
    Math.min(RETRY_FIRST_MS * 2 ** Math.min(attempt - 1, 10), RETRY_MAX_MS) * (0.5 + Math.random()),
}

/** @throws TypeError where `createTemplate` would. */
export function checkRedisOption(redis: ResolvedNodeOptions['redis']): void {
  createTemplate(redis).disconnect()
}

/**
 * An ioredis instance that never connects: every link is a duplicate of it.
 * @throws TypeError that begins with `redis:` for anything that cannot be connected with.
 */
export function createTemplate(redis: ResolvedNodeOptions['redis']): Redis {
  const lazy = { lazyConnect: true, replyMapping: 'legacy' } as const
  if (typeof redis === 'string') {
    const database = /^rediss?:\/\/[^/]*\/([^?]*)/.exec(redis)?.[1] ?? ''
    if (!/^\d*$/.test(database)) throw new TypeError('redis: the database in the URL is no number')
    return checkTemplate(() => new Redis(redis, lazy))
  }
  if ('isCluster' in redis && redis.isCluster) {
    throw new TypeError('redis: a Cluster instance is not supported; use a single Redis')
  }
  // An instance may come from another copy of ioredis; its options are all that is needed of it.
  const options: RedisOptions = 'duplicate' in redis ? redis.options : redis
  if (Array.isArray(options) || options instanceof Date) {
    throw new TypeError('redis: use a URL, ioredis options or an ioredis instance')
  }
  return checkTemplate(() => new Redis({ ...options, ...lazy }))
}

function checkTemplate(create: () => Redis): Redis {
  let redis: Redis
  try {
    redis = create()
  } catch (error) {
    throw new TypeError(`redis: ${reasonOf(error)}`, { cause: error })
  }
  const { keyPrefix, host, port, db } = redis.options
  if (keyPrefix) {
    throw new TypeError('redis: keyPrefix is not supported; the names of keys are the protocol')
  }
  if (host !== undefined && typeof (host as unknown) !== 'string') {
    throw new TypeError('redis: host is not a string')
  }
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port < 65536)) {
    throw new TypeError('redis: port is not a number from 0 to 65535')
  }
  if (db !== undefined && !(Number.isInteger(db) && db >= 0)) {
    throw new TypeError('redis: db is not a number from 0 on')
  }
  return redis
}
