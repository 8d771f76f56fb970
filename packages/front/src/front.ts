/**
 * A front: a node with HTTP in front of it. It makes middleware and owns the drain; it never listens on a port by itself.
 */
import type { Server } from 'node:http'
import {
  createNode,
  type NodeStats,
  resolveNodeOptions,
  silentLogger,
  TempestError,
} from '@tempest/protocol'
import { FrontContext, type FrontCounts } from './context.js'
import { attachExpect } from './expect.js'
import { type FrontOptions, resolveFrontOptions, type WorkOptions } from './options.js'
import { createWork, type Middleware } from './work.js'

export interface FrontStats extends NodeStats, FrontCounts {
  state: 'open' | 'draining' | 'stopped'
  /** Bytes of request bodies being read and of responses their clients have not taken. */
  heldBytes: number
}

export interface Front {
  /**
   * Middleware for Connect, Express or a bare `node:http` server: each request becomes a job of the queue.
   * It ends every request itself. @throws TypeError for a bad name or option.
   */
  work(queue: string, options?: WorkOptions): Middleware
  /** Takes over a server's Expect handling and its end: `stop()` closes it. */
  attach(server: Server): void
  stats(): FrontStats
  /** Closes the attached servers, lets open requests finish within `drainMs`, ends the rest with 503. Safe to call twice. */
  stop(): Promise<void>
}

/** How long the last responses have to reach their sockets. */
const LAST_MS = 1000

/** Makes a front. Returns at once; Redis may be away. It must be stopped. @throws TypeError that names the option. */
export function createFront(options: FrontOptions): Front {
  resolveNodeOptions(options)
  const resolved = resolveFrontOptions(options)
  const { redis, logger, redisWaitMs, maxInFlight } = options
  const node = createNode({ redis, logger, redisWaitMs, maxInFlight })
  node.openMailbox()
  const context = new FrontContext(node, resolved, logger ?? silentLogger)
  const attached = new Set<Server>()
  let stopped: Promise<void> | undefined

  return {
    work: (queue, workOptions = {}) => createWork(context, attached, queue, workOptions),
    attach(server) {
      if (attached.has(server)) return
      attached.add(server)
      attachExpect(server)
    },
    stats: () => ({
      ...node.stats(),
      ...structuredClone(context.counts),
      state: context.state,
      inFlight: context.inFlight,
      heldBytes: context.memory.bytes,
    }),
    stop() {
      stopped ??= stop()
      return stopped
    },
  }

  async function stop(): Promise<void> {
    context.state = 'draining'
    const closed = [...attached].map(close)
    await within(resolved.drainMs, context.whenEmpty())
    context.state = 'stopped'
    context.failAll(new TempestError('STOPPING', 'the front stopped before the reply came'))
    await within(LAST_MS, Promise.all(closed))
    for (const server of attached) server.closeAllConnections()
    await node.stop()
  }
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    // A server that was never started calls back with an error; then there is nothing to close.
    server.close(() => resolve())
    server.closeIdleConnections()
  })
}

async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  await Promise.race([promise, new Promise((resolve) => (timer = setTimeout(resolve, ms)))])
  clearTimeout(timer)
}
