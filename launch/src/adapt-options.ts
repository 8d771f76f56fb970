/**
 * What `npm run adapt` is told on its command line, checked once: every option that cannot be used is a Refusal that names it. What stands in `--to`
 * is never repeated, since it may hold a password.
 */
import { cgi, replay, type AdaptLogger, readUpstream } from '@tempest/adapt'
import { checkQueueName, reasonOf } from '@tempest/protocol'
import type { UrlHandler } from '@tempest/worker'
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { findExecutable, foldersOf } from './executable.js'
import { Refusal } from './refusal.js'

export interface Adapter {
  handler: UrlHandler
  /** What answers, for people. */
  shown: string
  /** Undefined: as the environment says. */
  queues: string[] | undefined
  concurrency: number | undefined
}

export const USAGE = `Usage: npm run adapt -- --to http://127.0.0.1:8000 [--host upstream] [--forwarded replace|off] [--keep-mount]
       npm run adapt -- --cgi php-cgi [--script hello.php]
       both: [--queue tempest] [--concurrency 64] [--timeout-ms 30000]`

const text = { type: 'string' } as const
const options = {
  to: text,
  cgi: text,
  script: text,
  queue: text,
  concurrency: text,
  host: text,
  forwarded: text,
  'keep-mount': { type: 'boolean' },
  'timeout-ms': text,
} as const

/**
 * @param cwd where the person is: what relative paths mean
 * @param secretTo what `--to` says otherwise, from where nobody else sees it
 */
export function readAdapter(
  args: readonly string[],
  cwd: string,
  logger: AdaptLogger,
  secretTo?: string,
): Adapter {
  const values = parse(args)
  const { cgi: command, script, queue, host, forwarded } = values
  const to = values.to ?? (command === undefined ? secretTo : undefined)
  if ((to === undefined) === (command === undefined)) {
    throw new Refusal(`--to or --cgi: one of them is needed.\n${USAGE}`)
  }
  const concurrency = readNumber('--concurrency', values.concurrency, 10_000)
  const timeoutMs = readNumber('--timeout-ms', values['timeout-ms'], 86_400_000)
  const queues = queue === undefined ? undefined : readQueues(queue)
  if (to !== undefined) {
    if (script !== undefined) throw new Refusal('--script is for --cgi, not for --to.')
    const { shown } = refuseAs('--', () => readUpstream(to))
    const handler = refuseAs('--', () =>
      replay(to, {
        host: host as 'client' | undefined,
        forwarded: forwarded as 'add' | undefined,
        ...{ keepMount: values['keep-mount'], timeoutMs, logger },
      }),
    )
    return { handler, shown, queues, concurrency }
  }
  if (host !== undefined || forwarded !== undefined || values['keep-mount'] !== undefined) {
    throw new Refusal('--host, --forwarded and --keep-mount are for --to, not for --cgi.')
  }
  return { ...readCgi(command ?? '', script, cwd, timeoutMs), queues, concurrency }
}

/** Whatever else is said. */
export const asksForHelp = (args: readonly string[]): boolean =>
  args.some((word) => word === '--help' || word === '-h')

function parse(args: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({
      ...{ args: [...args], options, strict: true, allowPositionals: true },
    })
    if (positionals.length === 0) return values
  } catch (error) {
    // Its first sentence names the option, never a value.
    const message = typeof error === 'object' && error && 'message' in error ? error.message : ''
    const [sentence = ''] = String(message).split(/\.\s/)
    throw new Refusal(`${sentence.replace(/\.$/, '')}.\n${USAGE}`, { cause: error })
  }
  throw new Refusal(`Everything is said by an option.\n${USAGE}`)
}

function readCgi(
  line: string,
  script: string | undefined,
  cwd: string,
  timeoutMs: number | undefined,
): Pick<Adapter, 'handler' | 'shown'> {
  const [name = '', ...args] = line.trim().split(/\s+/)
  const program = name.includes('/')
    ? resolve(cwd, name)
    : findExecutable(foldersOf(), name === '' ? 'none' : name)
  if (program === undefined || !isFile(program)) {
    throw new Refusal(`--cgi ${line}: there is no such program.`)
  }
  if (script === undefined) {
    return { handler: cgi([program, ...args], { timeoutMs }), shown: line.trim() }
  }
  const path = resolve(cwd, script)
  if (!isFile(path)) throw new Refusal(`--script ${script}: there is no such file.`)
  return {
    handler: cgi([program, ...args], { script: path, timeoutMs }),
    shown: `${line.trim()} ${path}`,
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true
}

/** Options have the same names here and in the package. */
function refuseAs<T>(prefix: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new Refusal(`${prefix}${reasonOf(error)}.`, { cause: error })
  }
}

function readNumber(name: string, text: string | undefined, max: number): number | undefined {
  if (text === undefined) return undefined
  const number = /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (number >= 1 && number <= max) return number
  throw new Refusal(`${name} ${text} cannot be used: it must be a whole number from 1 to ${max}.`)
}

function readQueues(text: string): string[] {
  try {
    return [...new Set(text.split(',').map((name) => checkQueueName(name.trim())))]
  } catch (error) {
    throw new Refusal(`--queue cannot be used: ${reasonOf(error)}.`, { cause: error })
  }
}
