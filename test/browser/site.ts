/** The page of examples/sub and a front, in this process: what comes from the browser is written down, and /sub can be made to refuse. */
import { createFront, type SubOptions } from '@tempest/front'
import connect from 'connect'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'

export interface Site {
  readonly url: string
  /** Each request to /sub: what it asked, and its Last-Event-ID. */
  readonly asked: { path: string; lastEventId: string | undefined; refused: boolean }[]
  /** Whether /sub says 503. */
  refusing: boolean
  /** Ends the connections there are, as a network would. */
  cut(): void
  stop(): Promise<void>
}

const html = readFileSync(join(__dirname, '../../examples/sub/index.html'))

export async function startSite(redis: string, options: SubOptions = {}): Promise<Site> {
  const front = createFront({ redis, drainMs: 100 })
  const sub = front.sub({ retryMs: 50, spreadMs: 0, ...options })
  const app = connect()
    .use('/sub', (req, res, next) => {
      const { originalUrl = '', headers } = req
      const lastEventId = headers['last-event-id']
      site.asked.push({
        path: originalUrl,
        lastEventId: typeof lastEventId === 'string' ? lastEventId : undefined,
        refused: site.refusing,
      })
      if (site.refusing) res.writeHead(503).end()
      else sub(req, res, next)
    })
    .use((_req, res) => res.setHeader('content-type', 'text/html; charset=utf-8').end(html))
  const server = createServer(app)
  front.attach(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const site: Site = {
    url: `http://127.0.0.1:${port}/`,
    asked: [],
    refusing: false,
    cut: () => server.closeAllConnections(),
    stop: () => front.stop(),
  }
  return site
}
