/**
 * A small TCP proxy between nodes and Redis that breaks connections in the ways a network does and loopback never does.
 *
 * A cut hits the connections there are; those made later pass. What a cut connection's node gives up stays open on
 * Redis' side, as behind a dead link, until Redis itself closes it: such an orphan ends only by CLIENT KILL.
 */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** What a connection is for, told by the first command that only one kind of link sends. */
export type Role = 'commands' | 'mailbox' | 'park' | 'listen' | 'beat'

/**
 * - `destroy`: both ends are reset.
 * - `to-redis`: what the node sends vanishes, Redis' replies still arrive.
 * - `from-redis`: Redis' replies vanish, commands still arrive there.
 * - `both`: nothing arrives anywhere, and nobody is told.
 * - `late`: what the node sends is held back until its next connection is made, then reaches Redis at once; so
 *   Redis reads it after the node has given it up and before it can kill that connection.
 */
export type Cut = 'destroy' | 'to-redis' | 'from-redis' | 'both' | 'late'

export const cuts: readonly Cut[] = ['destroy', 'to-redis', 'from-redis', 'both', 'late']

export interface Proxy {
  readonly url: string
  /** Cuts the connections of these roles, or of all, or a random share of them. @returns how many were cut. */
  cut(how: Cut, roles?: readonly Role[], share?: number): number
  /** Closes what there is and refuses what comes, until `restore`. */
  refuse(): void
  /** Connections made from now on are cut at once in this way, until `restore`. */
  swallow(how: Cut): void
  /** New connections work again. */
  restore(): void
  /** Adds this to each way, for what is sent from now on. */
  delay(ms: number): void
  /** Whole connections by role; `unknown` before the first telling command. */
  roles(): Record<string, number>
  /** The roles of connections that the node has given up and Redis has not closed. */
  orphans(): string[]
  readonly accepted: number
  stop(): Promise<void>
}

interface Connection {
  readonly node: Socket
  readonly redis: Socket
  role: Role | undefined
  cut: Cut | undefined
  /** Held back by `late`. */
  held: Buffer[]
}

/** The RESP of each command's name, as ioredis writes it. */
const tokens: readonly [string, Role][] = [
  ['\r\n$4\r\ntime\r\n', 'commands'],
  ['\r\n$9\r\nsubscribe\r\n', 'listen'],
  ['\r\n$6\r\nblmove\r\n$32\r\ntempest:mailbox:', 'mailbox'],
  ['\r\n$6\r\nblmove\r\n', 'park'],
  ['\r\n$13\r\ntempest:beats\r\n', 'beat'],
]

export async function startProxy(redisPort: number): Promise<Proxy> {
  const open = new Set<Connection>()
  let accepted = 0
  let delayMs = 0
  let arriving: Cut | 'refuse' | undefined

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (node) => {
    accepted++
    if (arriving === 'refuse') {
      node.on('error', ignore)
      node.resetAndDestroy()
      return
    }
    const redis = connect({
      port: redisPort,
      host: '127.0.0.1',
      allowHalfOpen: true,
      noDelay: true,
    })
    const connection: Connection = { node, redis, role: undefined, cut: arriving, held: [] }
    for (const other of open) if (other.node.destroyed) release(other)
    open.add(connection)
    node.on('error', ignore)
    redis.on('error', ignore)
    node.on('data', (bytes) => toRedis(connection, bytes))
    redis.on('data', (bytes) => toNode(connection, bytes))
    // That the node has closed never gets through a link that is cut.
    node.on('end', () => {
      if (connection.cut === undefined) later(() => redis.end())
      else node.destroy()
    })
    redis.on('end', () => {
      redis.end()
      if (passes(connection.cut, 'from-redis')) later(() => node.end())
    })
    node.on('close', () => {
      if (connection.cut === undefined) later(() => redis.destroy())
    })
    redis.on('close', () => {
      open.delete(connection)
      if (passes(connection.cut, 'from-redis')) later(() => node.destroy())
      // Nobody would end its other half any more.
      else if (node.readableEnded) node.destroy()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0

  function toRedis(connection: Connection, bytes: Buffer): void {
    connection.role ??= roleOf(bytes)
    if (connection.cut === 'late') connection.held.push(bytes)
    else if (passes(connection.cut, 'to-redis')) later(() => write(connection.redis, bytes))
  }

  function toNode(connection: Connection, bytes: Buffer): void {
    if (passes(connection.cut, 'from-redis')) later(() => write(connection.node, bytes))
  }

  function release({ held, redis }: Connection): void {
    for (const bytes of held.splice(0)) write(redis, bytes)
  }

  function later(task: () => void): void {
    if (delayMs === 0) task()
    else setTimeout(task, delayMs)
  }

  function destroy(connection: Connection): void {
    connection.node.resetAndDestroy()
    connection.redis.resetAndDestroy()
  }

  return {
    url: `redis://127.0.0.1:${port}`,
    cut(how, roles, share = 1) {
      let count = 0
      for (const connection of open) {
        if (connection.cut !== undefined) continue
        if (roles && !(connection.role && roles.includes(connection.role))) continue
        if (Math.random() >= share) continue
        count++
        connection.cut = how
        if (how === 'destroy') destroy(connection)
      }
      return count
    },
    refuse() {
      arriving = 'refuse'
      for (const connection of open) if (!connection.node.destroyed) destroy(connection)
    },
    swallow(how) {
      arriving = how
    },
    restore() {
      arriving = undefined
    },
    delay(ms) {
      delayMs = ms
    },
    roles() {
      const counts: Record<string, number> = {}
      for (const { role = 'unknown', node, cut } of open) {
        if (cut === undefined && !node.destroyed) counts[role] = (counts[role] ?? 0) + 1
      }
      return counts
    },
    orphans() {
      return [...open]
        .filter(({ node, redis }) => node.destroyed && !redis.destroyed)
        .map(({ role = 'unknown' }) => role)
    },
    get accepted() {
      return accepted
    },
    async stop() {
      for (const connection of open) destroy(connection)
      server.close()
      await once(server, 'close')
    },
  }
}

function passes(cut: Cut | undefined, way: 'to-redis' | 'from-redis'): boolean {
  return (
    cut === undefined || (cut !== way && cut !== 'both' && !(cut === 'late' && way === 'to-redis'))
  )
}

function write(socket: Socket, bytes: Buffer): void {
  if (socket.writable) socket.write(bytes)
}

function roleOf(bytes: Buffer): Role | undefined {
  const text = bytes.toString('latin1')
  return tokens.find(([token]) => text.includes(token))?.[1]
}

function ignore(): void {
  // whoever is at the other end hears of it
}
