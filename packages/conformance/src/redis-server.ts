/**
 * A private Redis for one run: a free port of the loopback, a folder that is removed, nothing on disk, and a bound for its memory. redis-check-rdb is the same program as
 * redis-server and chooses what to be by its name, so the package redis-tools is enough.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { Redis } from 'ioredis'

const names = ['redis-server', 'valkey-server', 'redis-check-rdb']
const START_MS = 10_000
/** No worker has a use for so much: what floods it is refused, before it takes the machine's memory. */
const MAX_MEMORY = '512mb'
const alive = new Set<ChildProcess>()
const folders = new Set<string>()
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL')
  for (const dir of folders) rmSync(dir, { recursive: true, force: true })
})

export interface PrivateRedis {
  readonly url: string
  /** Ends it and starts it again on the same port, empty. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/** @param path of a server; without one the PATH is searched. @throws where there is none, or it does not start. */
export async function startPrivateRedis(path: string | undefined): Promise<PrivateRedis> {
  const command = path ?? findServer()
  if (command === undefined)
    throw new Error(`no ${names.join(', ')} on the PATH: use --redis-server or --redis`)
  const port = await freePort()
  const dir = mkdtempSync(join(tmpdir(), 'tempest-conformance-'))
  folders.add(dir)
  const url = `redis://127.0.0.1:${port}`
  let child = await start(command, port, dir, url)
  const end = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
  return {
    url,
    async restart() {
      await end()
      child = await start(command, port, dir, url)
    },
    async stop() {
      await end()
      rmSync(dir, { recursive: true, force: true })
      folders.delete(dir)
    },
  }
}

function findServer(): string | undefined {
  for (const name of names) {
    for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
      try {
        const path = join(folder, name)
        accessSync(path, constants.X_OK)
        return path
      } catch {
        continue // not there
      }
    }
  }
  return undefined
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address ? address.port : 0
}

async function start(
  command: string,
  port: number,
  dir: string,
  url: string,
): Promise<ChildProcess> {
  const options = {
    ...{ port, bind: '127.0.0.1', dir, save: '', appendonly: 'no' },
    ...{ maxmemory: MAX_MEMORY, 'maxmemory-policy': 'noeviction' },
  }
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
  const child = spawn(command, args, { argv0: 'redis-server', stdio: 'ignore' })
  let failed: string | undefined
  alive.add(child)
  child.on('error', (error) => (failed = error.message))
  child.on('exit', (code) => {
    alive.delete(child)
    failed ??= `it ended with ${String(code)}`
  })
  const until = performance.now() + START_MS
  while (!(await answers(url))) {
    if (failed === undefined && performance.now() > until) failed = 'it does not answer'
    if (failed === undefined) continue
    child.kill('SIGKILL')
    throw new Error(`${command} cannot be started: ${failed}`)
  }
  return child
}

async function answers(url: string): Promise<boolean> {
  const redis = new Redis(url, {
    lazyConnect: true,
    retryStrategy: () => null,
    disconnectTimeout: 100,
  })
  redis.on('error', () => undefined)
  try {
    await redis.connect()
    await redis.ping()
    return true
  } catch {
    await new Promise((resolve) => setTimeout(resolve, 20))
    return false
  } finally {
    redis.disconnect()
  }
}
