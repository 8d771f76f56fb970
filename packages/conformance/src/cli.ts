/** The command line: what was asked, or one line that says what cannot be understood. */
import { parseArgs } from 'node:util'
import { isLevel } from './worker/levels.js'
import type { Level } from './worker/stage.js'

export const usage = `Usage:
  tempest-conformance worker [options] -- <command…>
  tempest-conformance front <url> --redis <url> [options]

Options:
  --redis <url>          a Redis that runs; for a worker the default is a private one
  --redis-server <path>  the server for the private one (default: from the PATH)
  --queue <name>         the front's queue (default: tempest)
  --only <rule,…>        cases of these rules only, e.g. P-20,P-41
  --except <rule,…>      not the cases of these rules
  --level <level>        of a worker: simple, safe or full (default: what it shows itself)
  --app                  the worker must serve the kit's application (default: if it does)
  --msgpack              the worker reads MessagePack: it is sent jobs in that as well
  --timeout <ms>         for one reply (default: 8000, more for a worker that is slow)
  --json                 one JSON object instead of TAP
  --list                 the cases, without running them

Exit code: 0 all kept, 1 a rule is broken, 2 nothing could be tried.
`

export class UsageError extends Error {}

interface Common {
  redis: string | undefined
  only: string[] | undefined
  except: string[] | undefined
  timeoutMs: number | undefined
  json: boolean
  list: boolean
}

export type Asked =
  | (Common & {
      side: 'worker'
      command: string[]
      redisServer: string | undefined
      level: Level | undefined
      app: boolean
      msgpack: boolean
    })
  | (Common & { side: 'front'; url: string; queue: string })

const options = {
  redis: { type: 'string' },
  'redis-server': { type: 'string' },
  queue: { type: 'string' },
  only: { type: 'string' },
  except: { type: 'string' },
  level: { type: 'string' },
  timeout: { type: 'string' },
  app: { type: 'boolean' },
  msgpack: { type: 'boolean' },
  json: { type: 'boolean' },
  tap: { type: 'boolean' },
  list: { type: 'boolean' },
} as const

/** What says nothing to the other side: nobody is to think that it was heeded. */
const own = { worker: ['redis-server', 'level', 'app', 'msgpack'], front: ['queue'] } as const

/** @throws UsageError */
export function parse(argv: readonly string[]): Asked {
  const dashes = argv.indexOf('--')
  const command = dashes < 0 ? [] : argv.slice(dashes + 1)
  const { values, positionals } = read(dashes < 0 ? argv : argv.slice(0, dashes))
  const common: Common = {
    redis: values.redis,
    only: values.only === undefined ? undefined : rulesOf(values.only),
    except: values.except === undefined ? undefined : rulesOf(values.except),
    timeoutMs: values.timeout === undefined ? undefined : msOf(values.timeout),
    json: values.json === true,
    list: values.list === true,
  }
  const [side, url, ...rest] = positionals
  if (side !== 'worker' && side !== 'front') throw new UsageError('worker or front?')
  for (const [its, names] of Object.entries(own)) {
    const odd = names.find((name) => its !== side && values[name] !== undefined)
    if (odd !== undefined) throw new UsageError(`--${odd} is for a ${its}, this is a ${side}`)
  }
  if (rest.length > 0) throw new UsageError(`what is ${rest.join(' ')}?`)
  if (side === 'worker') {
    if (url !== undefined) throw new UsageError('a command comes behind --')
    if (command.length === 0 && !common.list)
      throw new UsageError('which command? It comes behind --')
    const { level, app = false, msgpack = false } = values
    if (values['redis-server'] !== undefined && common.redis !== undefined)
      throw new UsageError('--redis-server is for a private Redis, --redis is one that runs')
    if (level !== undefined && !isLevel(level))
      throw new UsageError('--level: simple, safe or full')
    return { side, command, redisServer: values['redis-server'], level, app, msgpack, ...common }
  }
  if (command.length > 0) throw new UsageError('a front has no command: it runs already')
  if (!common.list && (url === undefined || !/^https?:\/\//.test(url)))
    throw new UsageError('which front? Its url begins with http://')
  if (!common.list && common.redis === undefined)
    throw new UsageError('which Redis? --redis redis://…, the one the front uses')
  return { side, url: url ?? '', queue: values.queue ?? 'tempest', ...common }
}

function read(
  args: readonly string[],
): ReturnType<typeof parseArgs<{ options: typeof options; allowPositionals: true }>> {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

function rulesOf(text: string): string[] {
  const rules = text.split(',').map((rule) => rule.trim().toUpperCase())
  const odd = rules.find((rule) => !/^P-\d+$/.test(rule))
  if (odd !== undefined) throw new UsageError(`${odd} is no number of a rule, such as P-41`)
  return rules
}

function msOf(text: string): number {
  const ms = Number(text)
  if (!Number.isInteger(ms) || ms < 100 || ms > 600_000)
    throw new UsageError('--timeout: 100 to 600000 ms')
  return ms
}
