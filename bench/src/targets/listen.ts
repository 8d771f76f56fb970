/** Opens a server of a target on a free loopback port, and tells the bench which. */

import type { Server } from 'node:http'
import { tellReady } from './control.js'

/** Room for 10,000 clients that connect at once; the default of 511 would drop some. */
const LISTEN_BACKLOG = 4096

export function listen(server: Server): void {
  server.listen({ port: 0, host: '127.0.0.1', backlog: LISTEN_BACKLOG }, () => {
    const address = server.address()
    tellReady(typeof address === 'object' && address !== null ? address.port : 0)
  })
}
