/**
 * What the environment says, checked once: every value that cannot be used is a Refusal that names
 * its variable. An empty variable counts as not set. Nothing here reads process.env itself or
 * prints a password.
 */
import { checkQueueName, type Encoding, encodings, reasonOf } from '@tempest/protocol'
import { readRedisUrl, type RedisAddress } from './redis-url.js'
import { Refusal } from './refusal.js'

export interface Settings {
  /** Undefined: none was named. */
  redis: RedisAddress | undefined
  /** 0: any free one. */
  port: number
  /** Undefined: loopback, both 127.0.0.1 and ::1. */
  host: string | undefined
  /** At least one. The front serves the first at /, the others at /<name>. */
  queues: readonly [string, ...string[]]
  /** Jobs one worker runs at a time. */
  concurrency: number
  /** Whether the front serves events at /sub. */
  sub: boolean
  /** Where the front listens for direct replies, and how workers get there; undefined: nowhere. */
  direct: { listen: string; advertise: string | undefined } | undefined
  /** What the listeners for direct replies want. */
  directPassword: string | undefined
  /** Jobs bear its address as old workers expect it. */
  legacy: boolean
  /** How the front encodes jobs. */
  encoding: Encoding
  logLevel: string
}

type Environment = Readonly<Record<string, string | undefined>>

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']

export function readSettings(env: Environment): Settings {
  const get = (name: string): string | undefined => env[name]?.trim() || undefined
  const logLevel = get('TEMPEST_LOG') ?? 'warn'
  if (!logLevels.includes(logLevel)) {
    throw new Refusal(`TEMPEST_LOG=${logLevel} is not a level: use one of ${logLevels.join(', ')}.`)
  }
  const sub = readSwitch('TEMPEST_SUB', get('TEMPEST_SUB') ?? 'on')
  const queues = readQueues(get('TEMPEST_QUEUES') ?? 'tempest')
  if (sub && queues.slice(1).includes('sub')) {
    throw new Refusal(
      'TEMPEST_QUEUES: a queue sub would be served at /sub, where events are; TEMPEST_SUB=off turns those off.',
    )
  }
  return {
    ...readDirect(get),
    encoding: readEncoding(get('TEMPEST_ENCODING') ?? 'json'),
    redis: readRedis(get),
    port: readNumber('PORT', get('PORT') ?? '1337', 0, 65_535),
    host: get('HOST'),
    queues,
    sub,
    concurrency: readNumber('TEMPEST_CONCURRENCY', get('TEMPEST_CONCURRENCY') ?? '64', 1, 10_000),
    logLevel,
  }
}

/** The Redis for a program that brings none of its own. */
export function needRedis(settings: Settings, command: string): RedisAddress {
  if (settings.redis) return settings.redis
  throw new Refusal(
    `${command} needs a Redis: set TEMPEST_REDIS_URL, for example to redis://127.0.0.1:6379; ` +
      'npm start brings a Redis of its own and prints its URL.',
  )
}

/** Where a browser or curl on this machine finds the front. */
export function urlOf(host: string | undefined, port: number): string {
  const anywhere = host === undefined || host === '0.0.0.0' || host === '::'
  return `http://${anywhere ? 'localhost' : host.includes(':') ? `[${host}]` : host}:${port}`
}

function readRedis(get: (name: string) => string | undefined): RedisAddress | undefined {
  for (const name of ['TEMPEST_REDIS_URL', 'REDIS_URL'] as const) {
    const url = get(name)
    if (url !== undefined) return readRedisUrl(name, url)
  }
  return undefined
}

function readDirect(
  get: (name: string) => string | undefined,
): Pick<Settings, 'direct' | 'directPassword' | 'legacy'> {
  const listen = get('TEMPEST_DIRECT')
  const advertise = get('TEMPEST_DIRECT_ADVERTISE')
  const legacy = readSwitch('TEMPEST_LEGACY', get('TEMPEST_LEGACY') ?? 'off')
  if (listen === undefined && (legacy || advertise !== undefined)) {
    const name = legacy ? 'TEMPEST_LEGACY' : 'TEMPEST_DIRECT_ADVERTISE'
    throw new Refusal(`${name} needs TEMPEST_DIRECT, for example TEMPEST_DIRECT=127.0.0.1:1338.`)
  }
  const directPassword = get('TEMPEST_DIRECT_PASSWORD')
  return {
    direct: listen === undefined ? undefined : { listen, advertise },
    directPassword,
    legacy,
  }
}

function readNumber(name: string, text: string, min: number, max: number): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : NaN
  if (number >= min && number <= max) return number
  throw new Refusal(
    `${name}=${text} cannot be used: it must be a whole number from ${min} to ${max}.`,
  )
}

function readEncoding(text: string): Encoding {
  const known = encodings.find((encoding) => encoding === text)
  if (known) return known
  throw new Refusal(`TEMPEST_ENCODING=${text} cannot be used: it must be json or msgpack.`)
}

function readSwitch(name: string, text: string): boolean {
  if (text === 'on' || text === 'off') return text === 'on'
  throw new Refusal(`${name}=${text} cannot be used: it must be on or off.`)
}

function readQueues(text: string): readonly [string, ...string[]] {
  const [first, ...others] = [...new Set(text.split(',').map((name) => checkQueue(name.trim())))]
  if (first === undefined) throw new TypeError('split gives at least one part')
  return [first, ...others]
}

function checkQueue(name: string): string {
  try {
    return checkQueueName(name)
  } catch (error) {
    throw new Refusal(`TEMPEST_QUEUES cannot be used: ${reasonOf(error)}.`, { cause: error })
  }
}
