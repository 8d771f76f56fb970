/**
 * A Tempest front for many streams: `stream-front.js <redis URL> mailbox|direct`.
 *
 * `watch` begins to look at what it holds, and `most` tells the most it saw since.
 */

import { createServer } from 'node:http'
import { createFront, type FrontOptions } from '@tempest/front'
import { listenToBench } from './control.js'
import { listen } from './listen.js'

const [redis = '', way = 'mailbox'] = process.argv.slice(2)
const UNLIMITED = 1_000_000
const LOOK_MS = 50

const direct = { direct: '127.0.0.1:0' }
const options: FrontOptions = { redis, maxInFlight: UNLIMITED, ...(way === 'direct' && direct) }
const front = createFront(options)
// Thousands of streams begin at once: that is no backlog.
const server = createServer(front.work('tempest', { maxBacklog: UNLIMITED, maxWaitMs: 60_000 }))
front.attach(server)

const most = { rss: 0, heldBytes: 0 }
let timer: NodeJS.Timeout | undefined

function look(): void {
  most.rss = Math.max(most.rss, process.memoryUsage.rss())
  most.heldBytes = Math.max(most.heldBytes, front.stats().heldBytes)
}

function watch(): void {
  clearInterval(timer)
  most.rss = most.heldBytes = 0
  look()
  timer = setInterval(look, LOOK_MS)
}

listenToBench(() => front.stop(), {
  inFlight: () => front.stats().inFlight,
  watch,
  most: () => ({ ...most }),
})
listen(server)
