/**
 * Starts a private Redis on loopback and ends it. The server keeps nothing on disk, runs in a
 * session of its own (Ctrl-C does not reach it) and never outlives us: a shell stands between, and
 * when its standard input closes, which the kernel sees to however we end, it kills the server and
 * removes the folder.
 *
 * A free port may be taken by others before the server binds it. So the server's own log tells that
 * it is ready, not an answer on that port, and when the log tells that the port was taken the next
 * one is tried.
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { Refusal } from './refusal.js'
import type { RedisBinary } from './redis-binary.js'

export interface RedisServerOptions {
  binary: RedisBinary
  /** @defaultValue a free one */
  port?: number | undefined
  /** Arguments for redis-server behind ours, so that they win; only the log stays ours. */
  args?: readonly string[]
  /** Its working folder, kept afterwards. @defaultValue a fresh one, removed afterwards */
  dir?: string | undefined
}

export interface RedisServer {
  url: string
  port: number
  /** Of the server itself, for signals; 0 if it never was. */
  pid: number
  /** Resolves when it is gone, whoever ended it, with the end of its log. */
  ended: Promise<string>
  /** Ends it, and resolves when it is gone. Safe to call twice. */
  stop(): Promise<void>
}

const START_MAX_MS = 10_000
const STOP_MAX_MS = 3000
const ATTEMPTS = 20
const LOG_KEPT = 2000

/**
 * $1: the folder, $2: 'ours' if it is to be made and removed, $3: what to call the command, or
 * empty, then the command. redis-check-rdb serves when it is called redis-server; a shell cannot
 * call it so, a link can. The server's process id is told by the process that becomes the server, so
 * before any line of its log; told by the shell it could come after them. The shell waits for its
 * end; a second one beside it waits for the end of standard input.
 */
const keeper = `
trap '' PIPE
dir=$1 owner=$2 name=$3; shift 3
if [ $owner = ours ]; then mkdir -m 700 "$dir" || exit; fi
if [ -n "$name" ]; then
  ln -sf "$1" "$dir/$name"; shift
  set -- "$dir/$name" "$@"
fi
exec 3<&0
sh -c 'echo $$; exec "$@"' sh "$@" </dev/null 3<&- &
server=$!
exec >/dev/null 2>&1
( read -r _ <&3; kill -9 $server ) &
watch=$!
wait $server
kill $watch
if [ $owner = ours ]; then rm -rf "$dir"; fi
`

/** @throws Refusal if it does not come up. */
export async function startRedis(options: RedisServerOptions): Promise<RedisServer> {
  for (let attempt = 1; ; attempt++) {
    const server = spawnServer(options, options.port ?? (await findFreePort()))
    if (await server.ready) return server
    await server.stop()
    const reason = await server.ended
    if (attempt === ATTEMPTS || !/address already in use/i.test(reason)) {
      throw new Refusal(`The private Redis (${options.binary.command}) does not start: ${reason}`)
    }
    if (options.port !== undefined) await pause(100) // whoever has it may be about to let go of it
  }
}

interface SpawnedServer extends RedisServer {
  ready: Promise<boolean>
}

function spawnServer(options: RedisServerOptions, port: number): SpawnedServer {
  const { binary, args = [], dir } = options
  const folder = dir ?? join(tmpdir(), `tempest-redis-${randomBytes(6).toString('hex')}`)
  const name = basename(binary.command) === binary.argv0 ? '' : binary.argv0
  const config = [
    ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder],
    ...['--save', '', '--appendonly', 'no', '--maxmemory-policy', 'noeviction'],
    ...[...args, '--daemonize', 'no', '--loglevel', 'notice', '--logfile', ''],
  ]
  const owner = dir === undefined ? 'ours' : 'theirs'
  const child = spawn('sh', ['-c', keeper, 'sh', folder, owner, name, binary.command, ...config], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...binary.env },
    detached: true,
  })
  const log = keepLog([child.stdout, child.stderr])
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message)) // no sh
    child.once('close', () => resolve(log.reason()))
  })
  let gone = false
  void ended.then(() => (gone = true))
  const signal = (name: NodeJS.Signals): void => {
    const pid = log.pid()
    try {
      if (!gone && pid > 0) process.kill(pid, name)
    } catch {
      // it has just ended, and we shall hear of it
    }
  }
  const ready = Promise.race([
    log.ready.then(() => true),
    ended.then(() => false),
    pause(START_MAX_MS, false, { ref: false }),
  ])
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid() {
      return log.pid()
    },
    ended,
    ready,
    async stop() {
      signal('SIGTERM')
      signal('SIGCONT') // a test may have stopped it
      const late = setTimeout(() => child.stdin.destroy(), STOP_MAX_MS) // the shell then kills
      await ended
      clearTimeout(late)
    },
  }
}

/**
 * The first line is the process id; the others are the server's, of which the last ones are kept.
 */
function keepLog(streams: readonly Readable[]): {
  pid(): number
  ready: Promise<void>
  reason(): string
} {
  let told = ''
  let rest = ''
  let isReady = (): void => undefined
  const ready = new Promise<void>((resolve) => (isReady = resolve))
  for (const stream of streams) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      rest = (rest + text).slice(-LOG_KEPT)
      // Of standard output only: a warning on the other stream may come sooner.
      if (stream === streams[0] && !told.includes('\n')) told += text
      if (/ready to accept connections/i.test(rest)) isReady()
    })
  }
  return {
    pid: () => Number(/^\d+(?=\n)/.exec(told)?.[0]),
    ready,
    reason: () => rest.trim().split('\n').slice(-2).map(withoutStamp).join('; '),
  }
}

/** `4570:M 21 Nov 2026 01:35:42.858 # Failed …`: from the mark on. */
function withoutStamp(line: string): string {
  return line.replace(/^\d+:\w [^#*]*[#*] /, '')
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address ? address.port : 0
}
