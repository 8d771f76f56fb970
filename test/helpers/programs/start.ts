/** Starts a program of this folder as a process of its own and asks it things. It is ended at the latest by `endPrograms`. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

export interface Program {
  readonly pid: number
  /** One question at a time. @throws what the program failed with, or that it has ended. */
  ask(what: string): Promise<unknown>
  signal(name: NodeJS.Signals): void
  /** SIGTERM; resolves its exit code, or the signal's name that ended it. */
  end(): Promise<number | string>
  /** What it said when it ended: of a worker, the runs nobody had asked for. */
  readonly last: unknown
}

const running = new Set<ChildProcess>()

export async function startProgram(name: 'front' | 'worker', config: unknown): Promise<Program> {
  if (!existsSync(join(__dirname, `../../../packages/${name}/dist/index.js`))) {
    throw new Error(`packages/${name} is not built: npx tsc -b`)
  }
  const child = fork(join(__dirname, `${name}.mjs`), {
    env: { ...process.env, TEMPEST_PROGRAM: JSON.stringify(config) },
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  running.add(child)
  let last: unknown
  child.on('message', (message) => {
    if (typeof message === 'object' && 'last' in message) last = message.last
  })
  // What it said last may arrive after the news of its end.
  const silent = new Promise<void>((resolve) => child.once('disconnect', resolve))
  const ended = new Promise<number | string>((resolve) => {
    child.once('exit', (code, signal) => {
      running.delete(child)
      void silent.then(() => resolve(code ?? String(signal)))
    })
  })
  const next = async (): Promise<unknown> => {
    const gone = ended.then((how) => Promise.reject(new Error(`the ${name} has ended: ${how}`)))
    gone.catch(() => undefined) // where the message comes first
    const [message] = (await Promise.race([once(child, 'message'), gone])) as unknown[]
    if (typeof message === 'object' && message !== null && 'reply' in message) return message.reply
    throw new Error(`the ${name} failed: ${JSON.stringify(message)}`)
  }
  await next()
  return {
    pid: child.pid ?? 0,
    ask(what) {
      const reply = next()
      child.send({ ask: what })
      return reply
    },
    signal: (signal) => void child.kill(signal),
    end() {
      child.kill('SIGTERM')
      return ended
    },
    get last() {
      return last
    },
  }
}

/** kill -9 for all that still run. */
export async function endPrograms(): Promise<void> {
  await Promise.all(
    [...running].map(async (child) => {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }),
  )
}
