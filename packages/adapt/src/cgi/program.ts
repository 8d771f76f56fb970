/**
 * One run of a CGI program: in a process group of its own, which is killed when its time is over or nobody waits for it any more. Its output is read
 * no faster than it is passed on; its errors go where ours go.
 */
import { HttpError } from '@tempest/worker'
import { type ChildProcess, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'

export interface Command {
  command: string
  args: readonly string[]
  cwd: string
  timeoutMs: number
}

export interface Program {
  output: Readable
  /** Resolves undefined where it ended well, else what is to be said of it. */
  ended: Promise<HttpError | undefined>
  kill(): void
}

/** Those that run end with us. */
const running = new Set<() => void>()
process.once('exit', () => {
  for (const kill of running) kill()
})

export function startProgram(
  { command, args, cwd, timeoutMs }: Command,
  env: Readonly<Record<string, string>>,
  body: Buffer,
  signal: AbortSignal,
): Program {
  signal.throwIfAborted()
  const child = spawn(command, args, {
    ...{ cwd, env, detached: true, stdio: ['pipe', 'pipe', 'inherit'] },
  })
  let late = false
  let closed = false
  const kill = (): void => {
    if (closed) return
    killGroup(child)
    // Somebody outside of the group may hold its other end.
    child.stdout.destroy()
  }
  const timer = setTimeout(() => {
    late = true
    kill()
  }, timeoutMs)
  signal.addEventListener('abort', kill)
  running.add(kill)
  const ended = new Promise<HttpError | undefined>((resolve) => {
    const end = (error: HttpError | undefined): void => {
      closed = true
      clearTimeout(timer)
      signal.removeEventListener('abort', kill)
      running.delete(kill)
      resolve(error)
    }
    child.once('error', (error) => end(new HttpError(502, `CGI: ${error.message}`)))
    child.once('close', (code, killed) => {
      if (late) end(new HttpError(504, `CGI: not done within ${timeoutMs} ms`))
      else if (code === 0) end(undefined)
      else end(new HttpError(502, `CGI: it ended with ${killed ?? `exit code ${code ?? ''}`}`))
    })
  })
  // One that does not read its input has its reasons.
  child.stdin.on('error', () => undefined)
  child.stdin.end(body)
  return { output: child.stdout, ended, kill }
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It ended at this very moment.
  }
}
