// HTTP in, jobs out. Serves http://localhost:1337/ from the queue `tempest`.
import { createServer } from 'node:http'
import connect from 'connect'
import { createFront } from '@tempest/front'

const redis = process.env.REDIS_URL ?? 'redis://localhost'
const port = Number(process.env.PORT ?? 1337)

const front = createFront({ redis }) // returns at once; Redis may be away
const priority = (req) => (req.headers['x-paid'] ? 'high' : 'normal')
const app = connect().use(front.work('tempest', { priority }))
const server = createServer(app)
front.attach(server) // `front.stop()` closes it, and Expect: 100-continue is answered in time
server.listen(port, 'localhost')

process.once('SIGINT', () => front.stop())
process.once('SIGTERM', () => front.stop())
