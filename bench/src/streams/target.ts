/** What `streams` compares: each a set of processes behind one port, that answer the same URLs (`route.ts`). */

import { setTimeout as sleep } from 'node:timers/promises'
import { startChild, type Child } from '../child.js'
import { listFamily } from '../cpu.js'
import type { Home } from '../home.js'
import { startPrivateRedis } from '../redis.js'
import { missNginx, pass, startNginx, upstream } from '../nginx.js'

export const streamRoles = ['node', 'proxy', 'front', 'worker', 'redis'] as const
export type StreamRole = (typeof streamRoles)[number]

export interface RunningStreams {
  port: number
  /** The processes of each role, those of today: nginx's workers come after its port answers. */
  pids(): ReadonlyMap<StreamRole, number[]>
  /** The process that holds the clients' connections, where it is Node. */
  holder: Child | undefined
  /** The processes that make the streams. */
  makers: Child[]
  /** Of a front: its Redis. */
  redisUrl: string | undefined
  /** Resolves when no stream is open any more. */
  settle(): Promise<void>
  stop(): Promise<void>
}

export interface StreamTarget {
  name: string
  title: string
  missing?: string | undefined
  start(home: Home): Promise<RunningStreams>
}

export type Way = 'mailbox' | 'direct'

const CONCURRENCY = 8192
const SETTLE_MS = 10_000
const LOOK_MS = 50

export const nodeTarget: StreamTarget = {
  name: 'node',
  title: 'bare Node',
  async start(home) {
    const node = await startChild(home, 'node', 'stream-node')
    return {
      port: node.port,
      pids: () => new Map([['node', [node.pid]]]),
      holder: node,
      makers: [node],
      redisUrl: undefined,
      settle: () => sleep(LOOK_MS),
      stop: () => node.stop(),
    }
  },
}

export function proxyTarget(buffering: boolean): StreamTarget {
  return {
    name: buffering ? 'nginx-buffered' : 'nginx',
    title: buffering ? 'nginx → Node, proxy_buffering on' : 'nginx → Node',
    missing: missNginx(),
    async start(home) {
      const node = await startChild(home, 'node', 'stream-node')
      const proxy = await startNginx(home, {
        ...{ name: 'nginx', connections: 16_000 },
        http: upstream('node', `server 127.0.0.1:${node.port};`),
        server: `location / {
      ${pass('node')}
      proxy_read_timeout 600s;
      proxy_buffering ${buffering ? 'on' : 'off'};
    }`,
      })
      return {
        port: proxy.port,
        pids: () =>
          new Map<StreamRole, number[]>([
            ['proxy', listFamily(proxy.pid)],
            ['node', [node.pid]],
          ]),
        holder: undefined,
        makers: [node],
        redisUrl: undefined,
        settle: () => sleep(LOOK_MS),
        async stop() {
          await proxy.stop()
          await node.stop()
        },
      }
    },
  }
}

export function tempestTarget(way: Way, workers = 1): StreamTarget {
  return {
    name: workers === 1 ? way : `${way}${workers}`,
    title: `Tempest, ${way}${workers === 1 ? '' : `, ${workers} workers`}`,
    async start(home) {
      const redis = await startPrivateRedis(home)
      const front = await startChild(home, 'front', 'stream-front', [redis.url, way])
      const children: Child[] = []
      for (let i = 0; i < workers; i++) {
        const concurrency = Math.ceil(CONCURRENCY / workers)
        children.push(await startChild(home, 'worker', 'stream-worker', [redis.url, concurrency]))
      }
      return {
        port: front.port,
        pids: () =>
          new Map<StreamRole, number[]>([
            ['front', [front.pid]],
            ['worker', children.map(({ pid }) => pid)],
            ['redis', [redis.pid]],
          ]),
        holder: front,
        makers: children,
        redisUrl: redis.url,
        settle: () => settle(front, children),
        async stop() {
          await Promise.all(children.map((child) => child.stop()))
          await front.stop()
          await redis.stop()
        },
      }
    },
  }
}

async function settle(front: Child, workers: readonly Child[]): Promise<void> {
  const until = performance.now() + SETTLE_MS
  while (performance.now() < until) {
    const open = await front.askNumber('inFlight')
    const running = await Promise.all(workers.map((worker) => worker.askNumber('running')))
    if (open === 0 && running.every((count) => count === 0)) return
    await sleep(LOOK_MS)
  }
  console.error('!!! streams were still open ten seconds after their clients had left')
}
