/**
 * A real Redis of one's own on a free port, never one that was there before. It can be killed, frozen and started again
 * on the same port and folder. Needs no jest: the soak uses it as well.
 */
import { findRedis, type RedisServer, startRedis } from '@tempest/launch'
import { Redis } from 'ioredis'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type RedisCommand = [name: string, ...args: (string | number | Buffer)[]]

export interface TestRedis {
  readonly url: string
  readonly port: number
  /** Of the server that runs now. */
  readonly pid: number
  /** A new client; it is closed with the server at the latest. */
  client(): Redis
  /** One command, like redis-cli: `await redis.cli('LLEN', 'tempest')`. */
  cli(...command: RedisCommand): Promise<unknown>
  /** kill -9: what was not on disk is lost. */
  kill(): Promise<void>
  /**
   * Again on the same port and folder, after `kill`; arguments given here replace those of the
   * first start.
   */
  start(...args: string[]): Promise<void>
  /** Stops answering while its connections stay open (SIGSTOP), until `thaw`. */
  freeze(): void
  thaw(): void
  /** Ends server and clients and removes the folder. */
  stop(): Promise<void>
}

/** One command on a connection of its own. */
export async function askRedis(url: string, ...[name, ...args]: RedisCommand): Promise<unknown> {
  const redis = connect(url)
  try {
    return await redis.call(name, ...args)
  } finally {
    redis.disconnect()
  }
}

export interface ServerOptions {
  /** For redis-server, e.g. '--appendonly', 'yes'. */
  args?: readonly string[]
  /** Beside ours. */
  env?: Record<string, string>
}

export async function startServer({
  args: extraArgs = [],
  env,
}: ServerOptions): Promise<TestRedis> {
  const found = await findRedis()
  if (!found) throw new Error('no Redis server: wrap the suite in describeWithRedis')
  const binary = { ...found, env: { ...found.env, ...env } }
  const dir = mkdtempSync(join(tmpdir(), 'tempest-test-redis-'))
  const run = (args: readonly string[], port?: number): Promise<RedisServer> =>
    startRedis({ binary, args, port, dir })
  let server = await run(extraArgs)
  const { url, port } = server
  const clients: Redis[] = []
  const client = (): Redis => {
    const redis = connect(url)
    clients.push(redis)
    return redis
  }
  return {
    url,
    port,
    get pid() {
      return server.pid
    },
    client,
    cli: (...command) => askRedis(url, ...command),
    async kill() {
      process.kill(server.pid, 'SIGKILL')
      await server.ended
    },
    async start(...args) {
      server = await run(args.length > 0 ? args : extraArgs, port)
    },
    freeze: () => void process.kill(server.pid, 'SIGSTOP'),
    thaw: () => void process.kill(server.pid, 'SIGCONT'),
    async stop() {
      for (const redis of clients) redis.disconnect()
      await server.stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

function connect(url: string): Redis {
  const redis = new Redis(url, { maxRetriesPerRequest: 0, disconnectTimeout: 100 })
  redis.on('error', () => undefined) // commands fail by themselves
  return redis
}
