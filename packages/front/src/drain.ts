/**
 * The end of HTTP servers under load. A client may be sending on a connection that looks idle here, and would take its end for a failure of
 * that request; so such connections stay for a moment in which every response tells its client to close.
 */
import type { Server } from 'node:http'
import { Server as NetServer } from 'node:net'

/**
 * How long an idle connection stays. A client that asks at least this often hears that the connection closes; one that does not has to expect
 * its end anyway, as after any server's keep-alive time. Longer would only hold up who stops.
 */
const IDLE_MS = 1000
/** How often to look for connections that have become idle without our word: those of other handlers. */
const LOOK_MS = 100
/** Whoever has not asked anything for this long after that is cut: silent connections, requests that do not get on, other handlers. */
const QUIET_MS = 1000

export interface Drain {
  /** Resolves when no connection is left. */
  readonly closed: Promise<unknown>
  /** Resolves when there are some that only stand there. */
  readonly quiet: Promise<void>
  /** Cuts what is left. */
  end(): void
}

/**
 * Stops listening at once, and closes connections as they become idle, none within the first `IDLE_MS` or `drainMs`.
 * @param busy whether something of ours is still open
 * @param sending whether a response of ours is not out yet
 */
export function drainServers(
  servers: readonly Server[],
  drainMs: number,
  busy: () => boolean,
  sending: () => boolean,
): Drain {
  let timer: NodeJS.Timeout | undefined
  const quiet = new Promise<void>((resolve) => {
    let busyAt = Infinity
    // A request may have arrived while this process had no core: what has is read first.
    const lookSoon = (): void => void setImmediate(look)
    const look = (): void => {
      // Node takes a connection for idle whose response is not out yet.
      if (!sending()) for (const server of servers) server.closeIdleConnections()
      if (busy() || busyAt === Infinity) busyAt = performance.now()
      if (performance.now() - busyAt >= QUIET_MS) resolve()
    }
    timer = setTimeout(
      () => {
        lookSoon()
        timer = setInterval(lookSoon, LOOK_MS)
      },
      Math.min(IDLE_MS, drainMs),
    )
  })
  const closed = Promise.all(servers.map(stopListening))
  return {
    closed,
    quiet,
    end() {
      clearTimeout(timer)
      for (const server of servers) {
        server.closeAllConnections()
        // It does not listen any more; what is left of it is Node's look for slow requests.
        server.close(() => undefined)
      }
    },
  }
}

/** `server.close` of HTTP would cut idle connections first. */
function stopListening(server: Server): Promise<void> {
  return new Promise((resolve) => {
    // One that never listened calls back with an error; then there is nothing to close.
    NetServer.prototype.close.call(server, () => resolve())
  })
}
