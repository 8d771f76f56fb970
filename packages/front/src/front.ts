/**
 * A front: a node with HTTP in front of it. It makes middleware and owns the drain; it never listens on a port by itself.
 */
import { readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { join } from 'node:path'
import {
  createNode,
  type NodeStats,
  type PublishOptions,
  resolveNodeOptions,
  silentLogger,
  TempestError,
} from '@tempest/protocol'
import { FrontContext, type FrontCounts, type FrontState } from './context.js'
import { DirectListener, type DirectStats } from './direct/listener.js'
import { drainServers } from './drain.js'
import { attachExpect } from './expect.js'
import { Health, type HealthMiddleware } from './health.js'
import { type FrontOptions, resolveFrontOptions, type WorkOptions } from './options.js'
import { createPub, type PubOptions } from './pub.js'
import { Hub } from './sub/hub.js'
import { resolveSubOptions, type SubOptions } from './sub/options.js'
import { statsOf, type SubStats } from './sub/stats.js'
import { createSub } from './sub/sub.js'
import { createWork, type Middleware } from './work.js'

export interface FrontStats extends NodeStats, FrontCounts {
  state: FrontState
  /** What `/readyz` says; where `health()` was never called, without the check of the mailbox. */
  ready: boolean
  /** Bytes of request bodies being read and of responses their clients have not taken. */
  heldBytes: number
  /** Of the listener for direct replies; undefined without one. */
  direct: DirectStats | undefined
  /** Of all of `front.sub()`. */
  sub: SubStats
}

export interface Front {
  /**
   * Middleware for Connect, Express or a bare `node:http` server: each request becomes a job of the queue.
   * It ends every request itself. @throws TypeError for a bad name or option.
   */
  work(queue: string, options?: WorkOptions): Middleware
  /**
   * Middleware for Connect, Express or a bare `node:http` server, mounted at `/sub`: `GET /sub/<channel>[,<channel>…]` is a stream of server-sent events
   * (WHATWG HTML, 9.2) of what is published to these channels. It ends every request itself. @throws TypeError that names the option.
   */
  sub(options?: SubOptions): Middleware
  /**
   * Middleware mounted at `/pub`: `POST /pub/<channel>` publishes its body as an event. Everybody who is not refused by `authorize` may
   * publish, so it must be given. @throws TypeError without it.
   */
  pub(options: PubOptions): Middleware
  /** As `Node.publish`. */
  publish(channel: string, data: unknown, options?: PublishOptions): Promise<string | undefined>
  /** As `Node.subscribers`. */
  subscribers(channel: string): Promise<number>
  /** Takes over a server's Expect handling and its end: `stop()` closes it. */
  attach(server: Server): void
  /**
   * Middleware that serves `/healthz` (200 while the process lives) and `/readyz` (200, or 503 while no requests should come here), and
   * passes everything else on.
   */
  health(): HealthMiddleware
  stats(): FrontStats
  /**
   * Turns `/readyz` to 503, waits `unreadyMs`, takes no more connections, lets open requests finish within `drainMs`, ends the rest with
   * 503. Safe to call twice.
   */
  stop(): Promise<void>
}

const packageFile = join(__dirname, '..', 'package.json')
const { version } = JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string }

/** How long the last responses have to reach their sockets. */
const LAST_MS = 1000
/** Of the time to drain: streams end within it, and their last bytes go out. */
const SPREAD_PART = 0.8

/** Makes a front. Returns at once; Redis may be away. It must be stopped. @throws TypeError that names the option. */
export function createFront(options: FrontOptions): Front {
  resolveNodeOptions(options)
  const resolved = resolveFrontOptions(options)
  const { redis, logger, redisWaitMs, patienceMs, maxInFlight } = options
  const { encoding } = resolved
  const node = createNode({
    ...{ redis, logger, redisWaitMs, patienceMs, maxInFlight, encoding },
    role: 'front',
  })
  node.openMailbox()
  const context = new FrontContext(node, resolved, logger ?? silentLogger)
  const health = new Health(context)
  const direct = resolved.direct && new DirectListener(context, resolved.direct, version)
  const attached = new Set<Server>()
  let stopped: Promise<void> | undefined
  let spreadMs = 0

  return {
    work: (queue, workOptions = {}) => createWork(context, attached, queue, workOptions),
    sub(subOptions = {}) {
      const resolvedSub = resolveSubOptions(subOptions)
      if (context.state === 'stopped') throw new TempestError('STOPPING', 'this front was stopped')
      const hub = new Hub(node.connections, resolvedSub, context.census)
      context.hubs.push(hub)
      spreadMs = Math.max(spreadMs, resolvedSub.spreadMs)
      return createSub(context, resolvedSub, hub)
    },
    pub: (pubOptions) => createPub(context, pubOptions),
    publish: (channel, data, how) => node.publish(channel, data, how),
    subscribers: (channel) => node.subscribers(channel),
    attach(server) {
      if (attached.has(server)) return
      attached.add(server)
      attachExpect(server)
    },
    health() {
      health.begin()
      return health.answer
    },
    stats: () => ({
      ...node.stats(),
      ...structuredClone(context.counts),
      state: context.state,
      ready: health.ready,
      inFlight: context.inFlight,
      heldBytes: context.memory.bytes,
      direct: direct?.stats,
      sub: statsOf(context.hubs),
    }),
    stop() {
      stopped ??= stop()
      return stopped
    },
  }

  async function stop(): Promise<void> {
    if (resolved.unreadyMs > 0) {
      context.state = 'unready'
      await new Promise((resolve) => setTimeout(resolve, resolved.unreadyMs))
    }
    context.state = 'draining'
    const sending = (): boolean => context.memory.bytes > 0
    const streams = (): boolean => context.hubs.some((hub) => hub.streams.size > 0)
    const busy = (): boolean => context.inFlight > 0 || sending() || streams()
    const spread = Math.min(spreadMs, resolved.drainMs * SPREAD_PART)
    const ended = Promise.all(context.hubs.map((hub) => hub.close(spread)))
    const drain = drainServers([...attached], resolved.drainMs, busy, sending)
    const drained = Promise.all([context.whenEmpty(), ended, drain.closed])
    const inTime = await within(resolved.drainMs, Promise.race([drained, drain.quiet]))
    context.state = 'stopped'
    health.stop()
    for (const hub of context.hubs) hub.stop()
    context.failAll(new TempestError('STOPPING', 'the front stopped before the reply came'))
    if (!inTime) await within(LAST_MS, drain.closed)
    drain.end()
    await direct?.stop()
    if (context.hubs.length > 0) await context.census.leave().catch(() => undefined)
    await node.stop()
  }
}

/** @returns whether it was in time. */
async function within(ms: number, promise: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => (timer = setTimeout(resolve, ms, false)))
  const inTime = await Promise.race([promise.then(() => true), late])
  clearTimeout(timer)
  return inTime
}
