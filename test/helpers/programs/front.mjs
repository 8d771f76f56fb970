// Fronts of a scenario in a process of their own: each `{ queue, redis, work, …options }` gets a server and a port. With `sub`, the
// options of front.sub, it has `/sub`, `/healthz` and `/readyz` before its work.
import { once } from 'node:events'
import { subscribe } from 'node:diagnostics_channel'
import { createServer, Server } from 'node:http'
import { createFront } from '@tempest/front'
import connect from 'connect'
import { config, logger, resources, serve } from './channel.mjs'

/** Connections of workers, to be cut. */
const direct = new Set()
subscribe('net.server.socket', ({ socket }) => {
  if (socket.server instanceof Server) return
  direct.add(socket)
  socket.once('close', () => direct.delete(socket))
})

const fronts = await Promise.all(
  config.map(async ({ queue, sub, work: { postDeadlineMs, ...work }, ...options }) => {
    const front = createFront({ ...options, logger })
    const { deadlineMs } = work
    const toWork = front.work(queue, {
      ...work,
      maxAttempts: (req) => Number(req.headers['x-attempts'] ?? work.maxAttempts ?? 3),
      priority: (req) => req.headers['x-priority'] ?? 'normal',
      deadlineMs: (req) => (req.method === 'POST' ? (postDeadlineMs ?? deadlineMs) : deadlineMs),
    })
    const handler = sub
      ? connect().use('/sub', front.sub(sub)).use(front.health()).use(toWork)
      : toWork
    // What this process needs for an answer of nothing, to compare with.
    const server = createServer((req, res) =>
      req.url === '/nothing' ? res.end() : handler(req, res),
    )
    // The generator keeps connections longer than Node's default and must not meet one that just closes.
    server.keepAliveTimeout = 120_000
    front.attach(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const sockets = new Set()
    server.on('connection', (socket) => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    })
    return { front, sockets, port: server.address().port }
  }),
)

serve({
  answer: {
    ports: () => fronts.map(({ port }) => port),
    stats: () => fronts.map(({ front }) => front.stats()),
    resources,
    /** How many listeners the sockets of the clients that are connected have, at most. */
    listeners: () =>
      Math.max(
        0,
        ...fronts.flatMap(({ sockets }) =>
          [...sockets].map((socket) =>
            socket.eventNames().reduce((sum, name) => sum + socket.listenerCount(name), 0),
          ),
        ),
      ),
    usage: () => process.cpuUsage(),
    cutDirect: () => {
      for (const socket of direct) socket.destroy()
    },
  },
  stop: () => Promise.all(fronts.map(({ front }) => front.stop())),
})
