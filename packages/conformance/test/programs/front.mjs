/**
 * Our front for one queue; what is asked for as …/deadline has a short one. With BREAK it breaks one rule (breaks.mjs). ENCODING is that of its jobs.
 * Says its port.
 */
import { createFront } from '@tempest/front'
import connect from 'connect'
import { createServer } from 'node:http'
import { breakFront } from './breaks.mjs'

const queue = process.env.TEMPEST_QUEUES ?? 'tempest'
const middleware = breakFront(process.env.BREAK, queue)
const front = createFront({
  redis: process.env.TEMPEST_REDIS_URL,
  direct: process.env.DIRECT ? 0 : undefined,
  encoding: process.env.ENCODING,
})
const deadlineMs = (req) => (req.url.includes('/deadline') ? 1000 : 30_000)
const app = connect()
if (middleware) app.use(middleware)
app.use('/sub', front.sub())
// The kit's workers stand still while the machine is busy: what waits for them is not refused.
app.use(front.work(queue, { deadlineMs, maxWaitMs: 600_000 }))
const server = createServer(app)
front.attach(server)
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
process.once('SIGTERM', () => front.stop())
