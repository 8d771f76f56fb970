/**
 * The programs of this package as real processes, the way npm runs them, for start.test.ts and
 * others. Each is ended at the latest by `endAll`, which belongs into an afterEach.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { until } from '../../test/helpers/until'

const root = resolve(__dirname, '../..')

export interface Launched {
  pid: number
  /** All it has printed so far, on both streams. */
  output(): string
  /** Resolves when its output holds the text, or what matches. */
  says(text: string | RegExp): Promise<void>
  /** Resolves its exit code, or the signal's name that ended it. */
  ended: Promise<number | string | null>
  /** To its process group: what a terminal does at Ctrl-C. */
  signal(name: NodeJS.Signals): void
}

const running = new Set<ChildProcess>()

/** `node launch/run.mjs <name>`, with nothing of Tempest in its environment but what is given. */
export function launch(
  name: string,
  env: Record<string, string> = {},
  args: readonly string[] = [],
): Launched {
  return run(process.execPath, ['launch/run.mjs', name, ...args], env)
}

/** A command as a person would type it. */
export function type(line: string, env: Record<string, string> = {}): Launched {
  return run('sh', ['-c', line], env)
}

/** A worker whose Redis went with its launcher looks for it for some seconds, since it may still hold jobs there. */
export const ORPHAN_MS = 10_000

export async function endAll(): Promise<void> {
  const children = [...running]
  // As a person ends it: what is killed leaves workers that look for their Redis for a while.
  for (const child of children) signalGroup(child, 'SIGINT')
  try {
    await until(() => running.size === 0)
  } catch {
    for (const child of children) signalGroup(child, 'SIGKILL')
    await until(() => running.size === 0, ORPHAN_MS)
  }
}

/** One that nobody has at this moment, below those that the system gives to others: it stays free until somebody asks for it. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 20_000)
    const server = createServer().listen(port, '127.0.0.1')
    try {
      await once(server, 'listening')
    } catch (error) {
      if (!String(error).includes('EADDRINUSE')) throw error
      continue
    }
    server.close()
    await once(server, 'close')
    return port
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

function run(command: string, args: string[], env: Record<string, string>): Launched {
  const child = spawn(command, args, {
    cwd: root,
    env: { ...withoutTempest(process.env), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  running.add(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  }
  const ended = new Promise<number | string | null>((settle) => {
    child.once('close', (code, signal) => {
      running.delete(child)
      settle(code ?? signal)
    })
  })
  return {
    pid: child.pid ?? 0,
    output: () => output,
    async says(text) {
      const has = (): boolean =>
        typeof text === 'string' ? output.includes(text) : text.test(output)
      await until(() => {
        if (has()) return true
        if (!running.has(child))
          throw new Error(`it ended and did not say ${String(text)}:\n${output}`)
        return false
      }, 10_000)
    },
    ended,
    signal: (name) => signalGroup(child, name),
  }
}

function signalGroup(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid === undefined || !running.has(child)) return
  try {
    process.kill(-child.pid, name)
  } catch (error) {
    // The group may end between the look and the signal.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

function withoutTempest(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const names = /^(TEMPEST_.*|REDIS_URL|PORT|HOST|INIT_CWD|npm_lifecycle_event)$/
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.test(name)))
}
