/**
 * One front or worker as a child process, in a session of its own: Ctrl-C reaches it only through
 * us, in the order we choose. When we are gone it drains and ends by itself (program.ts).
 */
import { fork } from 'node:child_process'
import { join } from 'node:path'
import { Refusal } from './refusal.js'
import { readReport } from './report.js'

export interface Child {
  pid: number
  /** Resolves the port, 0 for a worker, when it is ready. @throws Refusal with its reason. */
  ready: Promise<number>
  /** Resolves how it ended, for people: 'exit code 1'. */
  ended: Promise<string>
  /**
   * Lets it drain; resolves when it is gone, by force if that takes too long. Safe to call twice.
   */
  stop(): Promise<void>
  kill(): void
}

/** Its own drain takes 25 s at most. */
const STOP_MAX_MS = 30_000

export function startChild(name: 'front' | 'worker', env: Readonly<Record<string, string>>): Child {
  const child = fork(join(__dirname, `${name}.js`), {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    detached: true,
  })
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code ?? ''}`))
  })
  const ready = new Promise<number>((resolve, reject) => {
    child.on('message', (message) => {
      const report = readReport(message)
      if (report && 'ready' in report) resolve(report.port ?? 0)
      else if (report) reject(new Refusal(report.refused))
    })
    void ended.then((how) => reject(new Refusal(`The ${name} ended before it was ready: ${how}.`)))
  })
  ready.catch(() => undefined) // who waits for it hears of it; later nobody does
  return {
    pid: child.pid ?? 0,
    ready,
    ended,
    async stop() {
      child.kill('SIGTERM')
      const late = setTimeout(() => child.kill('SIGKILL'), STOP_MAX_MS)
      await ended
      clearTimeout(late)
    },
    kill: () => void child.kill('SIGKILL'),
  }
}
