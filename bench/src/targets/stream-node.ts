/** Bare node:http that streams what the workers of the other targets stream. */

import { createServer, type ServerResponse } from 'node:http'
import { pipeline } from 'node:stream'
import { readBlocks } from '../streams/block.js'
import { feedOf, goOn } from '../streams/feed.js'
import { eventHeaders, FIRST_MS, routeOf } from '../streams/route.js'
import { listenToBench } from './control.js'
import { sayHello } from './hello.js'
import { listen } from './listen.js'

const server = createServer((request, response) => {
  const route = routeOf(request.url ?? '/')
  switch (route.kind) {
    case 'tokens':
      streamTokens(response, route.perSecond)
      return
    case 'first':
      response.writeHead(200, eventHeaders)
      response.write('data: first\n\n')
      setTimeout(() => response.end('data: last\n\n'), FIRST_MS)
      return
    case 'large':
      response.writeHead(200, { 'content-length': route.bytes })
      pipeline(readBlocks(route.bytes), response, () => undefined)
      return
    case 'hello':
      sayHello(response)
  }
})
server.keepAliveTimeout = 120_000
listenToBench(() => undefined, {
  go: goOn,
  watch: () => undefined,
  most: () => ({ rss: process.memoryUsage.rss() }),
})
listen(server)

function streamTokens(response: ServerResponse, perSecond: number): void {
  response.writeHead(200, eventHeaders)
  const remove = feedOf(perSecond).add((token) =>
    response.write(token)
      ? undefined
      : new Promise((resolve) => response.once('drain', () => resolve())),
  )
  response.once('close', remove)
}
