/**
 * What Tempest needs to know of a Redis server, read on each new connection, and the check of whether it will do.
 *
 * Version and policy are read from INFO, which managed services allow where they forbid CONFIG.
 */
import { reasonOf, TempestError } from '../wire/errors.js'
import { createTemplate, linkOptions } from './template.js'
import type { ResolvedNodeOptions } from '../options.js'

export interface ServerFacts {
  /** `7.0.15`; of Valkey the Redis version it is compatible with. */
  version: string
  /** Changes whenever the data set may have changed under us: run id and replication id. */
  epoch: string
}

const MIN_MAJOR = 7

/** @throws TempestError REDIS_UNFIT: older than 7.0, a replica, or may evict. */
export function readServerFacts(info: string): ServerFacts {
  const field = (name: string): string =>
    new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? ''
  const version = field('redis_version')
  if (Number.parseInt(version, 10) < MIN_MAJOR) {
    throw new TempestError(
      'REDIS_UNFIT',
      `Redis ${version} is too old: Tempest needs 7.0 or later, or Valkey`,
    )
  }
  const policy = field('maxmemory_policy')
  if (policy !== '' && policy !== 'noeviction') {
    throw new TempestError(
      'REDIS_UNFIT',
      `Redis may evict jobs: its maxmemory-policy is ${policy}, set it to noeviction`,
    )
  }
  if (field('role') === 'slave') {
    throw new TempestError(
      'REDIS_UNFIT',
      'this Redis is a read-only replica: connect to its master',
    )
  }
  return {
    version,
    epoch: `${field('run_id').slice(0, 8)}.${field('master_replid2').slice(0, 8)}`,
  }
}

export const infoSections = ['server', 'memory', 'replication']

/**
 * Connects once and tells whether this Redis will do.
 * @throws TempestError REDIS_AWAY (cannot be reached, or refuses us) or REDIS_UNFIT, with a sentence for the operator.
 */
export async function checkRedis(redis: ResolvedNodeOptions['redis']): Promise<ServerFacts> {
  const probe = createTemplate(redis).duplicate({
    ...linkOptions,
    lazyConnect: true,
    socketTimeout: 3000,
    retryStrategy: () => null,
  })
  let last: unknown
  probe.on('error', (error: unknown) => (last = error))
  try {
    await probe.connect()
    // ioredis goes on in database 0 where its own SELECT was refused.
    await probe.select(probe.options.db ?? 0)
    return readServerFacts(await probe.info(...infoSections))
  } catch (error) {
    if (error instanceof TempestError) throw error
    const { host = 'localhost', port = 6379, path } = probe.options
    throw new TempestError(
      'REDIS_AWAY',
      `Redis at ${path ?? `${host}:${port}`} cannot be used: ${reasonOf(last ?? error)}`,
      { cause: error },
    )
  } finally {
    probe.disconnect()
  }
}
