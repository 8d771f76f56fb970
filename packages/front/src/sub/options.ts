/** Options of `front.sub`, resolved and checked once at the entrance. */
import type { IncomingMessage } from 'node:http'
import { checkInteger, checkNumber, publishDefaults, shown } from '@tempest/protocol'

/** Whether a request may read a channel; with `expiresAt`, in ms since 1970, until when. */
export type Verdict = boolean | { expiresAt: number }

/** Asked once for each channel of a request. */
export type Authorize = (req: IncomingMessage, channel: string) => Verdict | Promise<Verdict>

export interface SubOptions {
  /** Who may read what. Without it only names of letters, digits, `.`, `_` and `-` can be subscribed to, by anybody. */
  authorize?: Authorize | undefined
  /** Stands before every name in Redis. @defaultValue '' */
  prefix?: string | undefined
  /** Key of the event log, a Redis stream; false: only what is published live. @defaultValue 'tempest:events' */
  log?: string | false | undefined
  /** Pages of which other origins may read: none, all (`'*'`), or these, with credentials. @defaultValue false */
  cors?: false | string | readonly string[] | undefined
  /** How long, in ms, a client waits before it comes back. @defaultValue 3000 */
  retryMs?: number | undefined
  /** A stream is never silent for longer. @defaultValue 15000 */
  heartbeatMs?: number | undefined
  /** Channels of one stream. @defaultValue 50 */
  maxChannels?: number | undefined
  /** Streams at once; more get 503. @defaultValue 100000 */
  maxSubscribers?: number | undefined
  /** A client that has not taken this many bytes when there are more is cut; it resumes by id. @defaultValue 1 MiB */
  maxBufferBytes?: number | undefined
  /** In place of larger events clients get a gap. @defaultValue 1 MiB */
  maxEventBytes?: number | undefined
  /** Recent events of the log kept in memory, … @defaultValue 10000 */
  ringEntries?: number | undefined
  /** … and their bytes, at the most. @defaultValue 16 MiB */
  ringBytes?: number | undefined
  /** How long, in ms, `authorize` may take. @defaultValue 5000 */
  authorizeMs?: number | undefined
  /** Over how long, in ms, `stop()` spreads the ends of the streams, `drainMs` at the most. @defaultValue 5000 */
  spreadMs?: number | undefined
}

const MIB = 1024 * 1024

export const subDefaults = {
  prefix: '',
  log: publishDefaults.log,
  cors: false,
  retryMs: 3000,
  heartbeatMs: 15_000,
  maxChannels: 50,
  maxSubscribers: 100_000,
  maxBufferBytes: MIB,
  maxEventBytes: MIB,
  ringEntries: 10_000,
  ringBytes: 16 * MIB,
  authorizeMs: 5000,
  spreadMs: 5000,
} as const

type Numbers = 'retryMs' | 'heartbeatMs' | 'authorizeMs' | 'spreadMs'
type Integers =
  | 'maxChannels'
  | 'maxSubscribers'
  | 'maxBufferBytes'
  | 'maxEventBytes'
  | 'ringEntries'
  | 'ringBytes'

export interface ResolvedSubOptions extends Record<Numbers | Integers, number> {
  authorize: Authorize | undefined
  prefix: string
  log: string | false
  cors: false | '*' | ReadonlySet<string>
}

/** @throws TypeError that names the option. */
export function resolveSubOptions(options: SubOptions): ResolvedSubOptions {
  if (typeof (options as unknown) !== 'object' || (options as unknown) === null) {
    throw new TypeError(`options: use an object, not ${shown(options)}`)
  }
  const { authorize, prefix = subDefaults.prefix, log = subDefaults.log } = options
  if (authorize !== undefined && typeof authorize !== 'function') {
    throw new TypeError(`authorize: use a function, not ${shown(authorize)}`)
  }
  if (typeof prefix !== 'string') throw new TypeError(`prefix: use a string, not ${shown(prefix)}`)
  if (log !== false && (typeof log !== 'string' || log === '')) {
    throw new TypeError(`log: use the name of a key, or false, not ${shown(log)}`)
  }
  const number = (name: Numbers, min: number): number =>
    checkNumber(name, options[name] ?? subDefaults[name], min)
  const integer = (name: Integers): number =>
    checkInteger(name, options[name] ?? subDefaults[name], 1, Number.MAX_SAFE_INTEGER)
  return {
    ...{ authorize, prefix, log, cors: corsOf(options.cors ?? subDefaults.cors) },
    retryMs: number('retryMs', 0),
    heartbeatMs: number('heartbeatMs', 1),
    authorizeMs: number('authorizeMs', 1),
    spreadMs: number('spreadMs', 0),
    maxChannels: integer('maxChannels'),
    maxSubscribers: integer('maxSubscribers'),
    maxBufferBytes: integer('maxBufferBytes'),
    maxEventBytes: integer('maxEventBytes'),
    ringEntries: integer('ringEntries'),
    ringBytes: integer('ringBytes'),
  }
}

function corsOf(cors: unknown): ResolvedSubOptions['cors'] {
  if (cors === false || cors === '*') return cors
  const origins: unknown[] = Array.isArray(cors) ? cors : [cors]
  const set = new Set<string>()
  for (const origin of origins) {
    if (typeof origin !== 'string' || !/^[a-z][a-z0-9+.-]*:\/\/[^/\s]+$/i.test(origin)) {
      throw new TypeError(
        `cors: use '*', false or origins like 'https://example.org', not ${shown(origin)}`,
      )
    }
    set.add(origin)
  }
  return set
}
