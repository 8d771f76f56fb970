/**
 * A Tempest front as a user would write it: `front.js <redis URL> [mode] [encoding]`.
 *
 * With a mode it has a second route, /held, and neither backlog nor requests in flight are too many for it.
 */

import connect from 'connect'
import { createServer } from 'node:http'
import { createFront } from '@tempest/front'
import { listenToBench } from './control.js'
import { listen } from './listen.js'

const [redis = '', mode = '', given] = process.argv.slice(2)
const encoding = given === 'msgpack' ? given : 'json'
const HELD_MS = 600_000
const UNLIMITED = 1_000_000

const front = createFront({ redis, encoding, ...(mode !== '' && { maxInFlight: UNLIMITED }) })
const app = connect()
if (mode !== '') {
  app.use(
    '/held',
    front.work(mode === 'running' ? 'tempest' : 'held', {
      deadlineMs: HELD_MS,
      maxBacklog: UNLIMITED,
    }),
  )
  app.use(front.work('tempest', { maxBacklog: UNLIMITED }))
} else {
  app.use(front.work('tempest'))
}
const server = createServer(app)
front.attach(server)
listenToBench(() => front.stop(), { held: () => front.stats().inFlight })
listen(server)
