// A front that can be replaced while it is asked: by cluster.mjs, or behind a balancer that follows /readyz (haproxy.cfg).
import cluster from 'node:cluster'
import { createServer } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import connect from 'connect'
import { createFront } from '@tempest/front'

const redis = process.env.REDIS_URL ?? 'redis://localhost'
const port = Number(process.env.PORT ?? 1337)
// A balancer needs a moment to see that /readyz has changed. The primary of a cluster knows at once.
const unreadyMs = Number(process.env.UNREADY_MS ?? (cluster.isWorker ? 0 : 2000))

const front = createFront({ redis, unreadyMs })
const app = connect().use(front.health()).use(front.work('tempest'))
const server = createServer(app)
front.attach(server)

const stop = async () => {
  await front.stop()
  // Through the primary, so that a connection that is just being handed over goes to another front.
  if (cluster.isWorker) cluster.worker.disconnect()
  else process.exit()
}
process.once('SIGTERM', stop)
process.once('SIGINT', stop)

// It takes no connection before it can serve it.
while (!front.stats().ready && front.stats().state === 'open') await pause(20)
if (front.stats().state === 'open') server.listen(port, '127.0.0.1')
