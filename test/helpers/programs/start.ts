/** Starts a program of this folder as a process of its own and asks it things. It is ended at the latest by `endPrograms`. */
import { type ChildProcess, fork } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

export interface Program {
  readonly pid: number
  /** One question at a time; of several the replies come in their order. @throws what the program failed with, or that it has ended. */
  ask(what: string): Promise<unknown>
  signal(name: NodeJS.Signals): void
  /** SIGTERM; resolves its exit code, or the signal's name that ended it. */
  end(): Promise<number | string>
  /** Resolves when it has ended, whoever ended it: its exit code, or the signal's name. */
  readonly ended: Promise<number | string>
  /** What it said when it ended: of a worker, the runs nobody had asked for. */
  readonly last: unknown
}

export interface ProgramOptions {
  /** Beside ours. */
  env?: NodeJS.ProcessEnv
  /** Flags of Node. */
  flags?: string[]
}

const running = new Set<ChildProcess>()

export async function startProgram(
  name: 'front' | 'worker' | 'plain',
  config: unknown,
  { env = {}, flags = [] }: ProgramOptions = {},
): Promise<Program> {
  if (name !== 'plain' && !existsSync(join(__dirname, `../../../packages/${name}/dist/index.js`))) {
    throw new Error(`packages/${name} is not built: npx tsc -b`)
  }
  const child = fork(join(__dirname, `${name}.mjs`), {
    env: { ...process.env, ...env, TEMPEST_PROGRAM: JSON.stringify(config) },
    execArgv: flags,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  running.add(child)
  // Somebody else may have killed it; then asking it fails by itself.
  child.on('error', () => undefined)
  let last: unknown
  const waiting: { resolve: (reply: unknown) => void; reject: (error: Error) => void }[] = []
  child.on('message', (message) => {
    if (typeof message !== 'object') return
    if ('last' in message) last = message.last
    else if ('reply' in message) waiting.shift()?.resolve(message.reply)
    else waiting.shift()?.reject(new Error(`the ${name} failed: ${JSON.stringify(message)}`))
  })
  // What it said last may arrive after the news of its end.
  const silent = new Promise<void>((resolve) => child.once('disconnect', resolve))
  const ended = new Promise<number | string>((resolve) => {
    child.once('exit', (code, signal) => {
      running.delete(child)
      void silent.then(() => {
        resolve(code ?? String(signal))
        const gone = new Error(`the ${name} has ended: ${code ?? String(signal)}`)
        for (const { reject } of waiting.splice(0)) reject(gone)
      })
    })
  })
  const next = (): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (child.connected) waiting.push({ resolve, reject })
      else reject(new Error(`the ${name} has ended`))
    })
  await next()
  return {
    pid: child.pid ?? 0,
    ask(what) {
      const reply = next()
      if (child.connected) child.send({ ask: what })
      return reply
    },
    signal: (signal) => void child.kill(signal),
    end() {
      child.kill('SIGTERM')
      return ended
    },
    ended,
    get last() {
      return last
    },
  }
}

/** kill -9 for all that still run. */
export async function endPrograms(): Promise<void> {
  await Promise.all(
    [...running].map(async (child) => {
      // Also where a question to it fails meanwhile, which `once` would take for the end.
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await ended
    }),
  )
}
