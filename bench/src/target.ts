/**
 * What the bench compares: each target is a set of real processes with one URL.
 *
 * A target that cannot run here (nginx is not installed) says why, and the rest is measured without it.
 */

import type { RedisServer } from '@tempest/launch'
import { startChild, type Child } from './child.js'
import { listFamily } from './cpu.js'
import type { Home } from './home.js'
import { findProgram } from './program.js'
import { startHaproxy, startNginxProxy } from './proxies.js'
import { startPrivateRedis } from './redis.js'

/** What a process does in its target; the columns of the CSV. */
export const roles = ['node', 'proxy', 'front', 'redis', 'worker', 'server'] as const
export type Role = (typeof roles)[number]

/** The most a worker takes. */
/** The held requests and those that go on beside them. */
const HOLDING_CONCURRENCY = 20_000

/** All processes of a target that do the same. */
interface Part {
  role: Role
  pids: number[]
}

export interface Running {
  url: string
  parts: Part[]
  /** The Node processes among them: these can be profiled and asked for their memory. */
  children: Child[]
  stop(): Promise<void>
}

export interface Target {
  name: string
  title: string
  /** Why it cannot run on this machine. */
  missing?: string
  start(home: Home): Promise<Running>
}

export function listTargets(): Target[] {
  return [
    { name: 'bare', title: 'bare node:http', start: (home) => startNode(home, 'bare') },
    { name: 'connect', title: 'Connect alone', start: (home) => startNode(home, 'connect') },
    proxyTarget('nginx', startNginxProxy),
    proxyTarget('haproxy', startHaproxy),
    {
      name: 'tempest1',
      title: 'Tempest, 1 worker × 64',
      start: (home) => startTempest(home, { workers: 1, concurrency: 64 }),
    },
    {
      name: 'tempest4',
      title: 'Tempest, 4 workers × 1',
      start: (home) => startTempest(home, { workers: 4, concurrency: 1 }),
    },
  ]
}

export async function startNode(home: Home, script: string, mode = ''): Promise<Running> {
  const child = await startChild(home, script, script, [mode])
  return assemble([child], [{ role: 'node', pids: [child.pid] }], child.port, [])
}

function proxyTarget(name: 'nginx' | 'haproxy', startProxy: typeof startHaproxy): Target {
  const title = `${name} before Node`
  const start = async (home: Home): Promise<Running> => {
    const child = await startChild(home, 'backend', 'bare', ['backend'])
    const proxy = await startProxy(home, child.port)
    const parts: Part[] = [
      { role: 'proxy', pids: listFamily(proxy.pid) },
      { role: 'node', pids: [child.pid] },
    ]
    return assemble([child], parts, proxy.port, [proxy])
  }
  return {
    name,
    title,
    start,
    ...(findProgram(name) ? {} : { missing: `${name} is not installed` }),
  }
}

export interface TempestOptions {
  workers: number
  concurrency: number
  /** Milliseconds every handler takes. */
  delayMs?: number
  /** The front also has /held, and no limits. Its jobs wait for ever in a queue without a worker, or run for ever in the worker of the others. */
  held?: 'waiting' | 'running'
  /** How the front encodes jobs. */
  encoding?: 'json' | 'msgpack'
  /** Workers send bodies back. */
  echo?: boolean
}

export interface Tempest extends Running {
  redis: RedisServer
  front: Child
  workers: Child[]
}

export async function startTempest(home: Home, options: TempestOptions): Promise<Tempest> {
  const { workers: count, concurrency, delayMs = 0, held, encoding = 'json', echo } = options
  const redis = await startPrivateRedis(home)
  const front = await startChild(home, 'front', 'front', [redis.url, held ?? '', encoding])
  const workers: Child[] = []
  for (let number = 1; number <= count; number++) {
    const slots = held === 'running' ? HOLDING_CONCURRENCY : concurrency
    const args = [redis.url, 'tempest', slots, delayMs, echo ? 'echo' : '']
    workers.push(await startChild(home, `worker${number}`, 'worker', args))
  }
  const parts: Part[] = [
    { role: 'front', pids: [front.pid] },
    { role: 'redis', pids: [redis.pid] },
    { role: 'worker', pids: workers.map((worker) => worker.pid) },
  ]
  const running = assemble([front, ...workers], parts, front.port, [redis])
  return { ...running, redis, front, workers }
}

function assemble(
  children: Child[],
  parts: Part[],
  port: number,
  programs: { stop(): Promise<void> }[],
): Running {
  const stop = async (): Promise<void> => {
    for (const child of children) await child.stop()
    for (const program of programs) await program.stop()
  }
  return { url: `http://127.0.0.1:${port}/`, parts, children, stop }
}
