/**
 * The front of workers in many languages: `language-front.js <redis URL>`, then the question `serve` with a queue's name.
 *
 * Each queue has a port and an application of its own, so that none pays for the routes of the others.
 */

import connect from 'connect'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createFront } from '@tempest/front'
import { listenToBench, tellReady } from './control.js'

const [redis = ''] = process.argv.slice(2)

const front = createFront({ redis })
listenToBench(() => front.stop(), { serve })
tellReady(0)

/** @returns the port. */
async function serve(queue: unknown): Promise<number> {
  const app = connect()
  app.use(front.work(String(queue)))
  const server = createServer(app)
  front.attach(server)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}
