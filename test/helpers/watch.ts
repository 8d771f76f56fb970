/** What a Redis server tells about itself and its clients, for tests that compare it before and after. */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { TestRedis } from './redis'

/** How often a command was called since CONFIG RESETSTAT, e.g. `'rpush'` or `'client|kill'`. */
export async function callsOf(redis: TestRedis, command: string): Promise<number> {
  const info = String(await redis.cli('INFO', 'commandstats'))
  const line = info.split('\r\n').find((each) => each.startsWith(`cmdstat_${command}:`))
  return Number(/calls=(\d+)/.exec(line ?? '')?.[1] ?? 0)
}

export interface ClientLine {
  id: string
  /** The command it sent last. */
  cmd: string
  /** Channels it listens on. */
  sub: number
  /** Blocked in a command. */
  blocked: boolean
}

/** The server's clients but the one that asks. */
export async function clientsOf(redis: TestRedis): Promise<ClientLine[]> {
  const list = String(await redis.cli('CLIENT', 'LIST'))
  const field = (line: string, name: string): string =>
    new RegExp(`\\b${name}=(\\S*)`).exec(line)?.[1] ?? ''
  return list
    .trim()
    .split('\n')
    .map((line) => ({
      id: field(line, 'id'),
      cmd: field(line, 'cmd'),
      sub: Number(field(line, 'sub')),
      blocked: field(line, 'flags').includes('b'),
    }))
    .filter((client) => client.cmd !== 'client|list')
}

/** Every key there is, in order. Only for tests: the database is small. */
export async function keysOf(redis: TestRedis): Promise<string[]> {
  const keys = await redis.cli('KEYS', '*')
  return Array.isArray(keys) ? keys.map(String).sort() : []
}

/** The keys that hold work or replies: not those that only say who is here. */
export async function workKeysOf(redis: TestRedis): Promise<string[]> {
  const keys = await keysOf(redis)
  return keys.filter((key) => !/^tempest:(nodes|beats)$|^\{[^}]+\}:(workers|budget)$/.test(key))
}

/** A list as strings. */
export async function listOf(redis: TestRedis, key: string): Promise<string[]> {
  const entries = await redis.cli('LRANGE', key, 0, -1)
  return Array.isArray(entries) ? entries.map(String) : []
}

/** How many sockets and timers there are that keep this process from exiting. */
export function handlesOfProcess(): { sockets: number; timers: number } {
  const names = process.getActiveResourcesInfo()
  return {
    sockets: names.filter((name) => name.startsWith('TCP')).length,
    timers: names.filter((name) => name === 'Timeout').length,
  }
}

/** Whether nothing more keeps this process from exiting than did `before`. */
export function areHandlesGone(before: ReturnType<typeof handlesOfProcess>): boolean {
  const { sockets, timers } = handlesOfProcess()
  return sockets <= before.sockets && timers <= before.timers
}

/** Every command the server carries out from now on, in its order, those of scripts included: `"lpop" "key" …`. */
export async function monitor(redis: TestRedis): Promise<{ lines: string[]; stop(): void }> {
  const lines: string[] = []
  // Not ioredis' own, which fails where the first line arrives together with the OK.
  const socket = connect(redis.port, '127.0.0.1')
  let rest = ''
  socket.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\r\n')
    rest = parts.pop() ?? ''
    // +1700000000.123456 [0 127.0.0.1:50000] "lpop" …
    for (const part of parts) lines.push(part.replace(/^\+[\d.]+ \[[^\]]*\] /, ''))
  })
  socket.write('MONITOR\r\n')
  await once(socket, 'data')
  lines.length = 0
  return { lines, stop: () => void socket.destroy() }
}
