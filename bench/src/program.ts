/**
 * Programs that are not ours: finding them on the PATH, starting them, waiting until their port answers.
 *
 * A program that ends while it is still needed makes `startProgram` reject with what it wrote to stderr.
 */

import { spawn, type ChildProcess } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { connect, createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Home } from './home.js'

const START_MS = 10_000
const STOP_MS = 3000

export interface Program {
  pid: number
  stop(): Promise<void>
}

export interface ProgramOptions {
  command: string
  args: string[]
  /** The port, or the path of the socket, it listens on once it is ready. Undefined: it listens nowhere. */
  port: number | string | undefined
  /** Beside that of the bench. */
  env?: NodeJS.ProcessEnv
}

export async function startProgram(home: Home, options: ProgramOptions): Promise<Program> {
  const { command, args, port, env } = options
  const child = spawn(command, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...env },
  })
  home.own(child)
  let said = ''
  child.stderr.on('data', (bytes: Buffer) => (said = (said + bytes.toString()).slice(-2000)))
  const failed = new Promise<never>((_, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) =>
      reject(new Error(`${command} ended (${code ?? signal ?? '?'}) ${said}`)),
    )
  })
  failed.catch(() => undefined) // Once it is ready, its end shows as errors of the cell.
  if (port !== undefined) await Promise.race([waitForPort(port), failed])
  if (child.pid === undefined) throw new Error(`${command} has no pid`)
  const stop = (): Promise<void> => endProcess(child)
  home.onClose(stop)
  return { pid: child.pid, stop }
}

/** SIGTERM, then SIGKILL; resolves when the process is gone. */
export async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.kill('SIGTERM')
  const kill = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await gone
  clearTimeout(kill)
}

/** The first file of that name on the PATH that may be executed. nginx and haproxy often live in sbin. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return folders
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false // Not there, or not for us: both mean that it cannot be run.
      }
    })
}

export function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}

async function waitForPort(port: number | string): Promise<void> {
  const until = performance.now() + START_MS
  while (performance.now() < until) {
    if (await accepts(port)) return
    await sleep(30)
  }
  throw new Error(`nothing listened on port ${port} within ${START_MS} ms`)
}

function accepts(port: number | string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = typeof port === 'string' ? connect(port) : connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
