/** The kit's programs as processes: fronts that tell their port, commands of workers. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Report } from '../src'

const programs = join(__dirname, 'programs')

export function commandOf(name: string): string[] {
  return [process.execPath, join(programs, `${name}.mjs`)]
}

export interface RunningFront {
  url: string
  stop(): Promise<void>
}

export async function startFront(
  redis: string,
  queue: string,
  env: Record<string, string> = {},
): Promise<RunningFront> {
  const [name = '', ...args] = commandOf('front')
  const child = spawn(name, args, {
    env: { ...process.env, TEMPEST_REDIS_URL: redis, TEMPEST_QUEUES: queue, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const port = await firstLine(child)
  return {
    url: `http://127.0.0.1:${port}`,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
  }
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new Error('no stdout')
  const [text] = (await once(child.stdout, 'data')) as unknown[]
  return String(text).trim()
}

/** Rules of the cases that ended like this, each once. */
export function rulesOf(report: Report, verdict = 'fail'): string[] {
  const rules = report.cases.filter((each) => each.verdict === verdict).map(({ rule }) => rule)
  return [...new Set(rules)].sort()
}

/** For a failing test: what was not kept, in words. */
export function saidOf({ cases }: Report): string[] {
  return cases
    .filter(({ verdict }) => verdict === 'fail')
    .map(({ rule, title, expected, came }) => `${rule} ${title}: ${expected ?? ''}; ${came ?? ''}`)
}

/** The rules it broke where they are the wanted ones; else what was said, so that a failing test tells why. */
export function rulesOrWords(report: Report, wanted: readonly string[] = []): string[] {
  const rules = rulesOf(report)
  return rules.join() === wanted.join() ? rules : saidOf(report)
}

/** At most so many at once, in order. */
export async function inTurns<T>(
  width: number,
  items: readonly T[],
  use: (item: T) => Promise<void>,
): Promise<void> {
  const left = [...items]
  const next = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await use(item)
  }
  await Promise.all(Array.from({ length: width }, next))
}
