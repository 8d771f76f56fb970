/**
 * The client of held requests: `holder.js`, then the question `hold` with `{ url, count }`.
 *
 * A process of its own, because 10,000 sockets at the client and as many at the server would be more open files than one
 * process may have. Whatever comes back on a held connection is a loss and is counted.
 */

import { connect, type Socket } from 'node:net'
import { listenToBench, tellReady } from './control.js'

/** How many connections are opened at once. */
const AT_ONCE = 200

const sockets = new Set<Socket>()
let lost = 0

listenToBench(() => undefined, { hold, release, lost: () => lost })
tellReady(0)

async function hold(argument: unknown): Promise<number> {
  if (typeof argument !== 'object' || argument === null) throw new Error('hold what?')
  if (!('url' in argument) || !('count' in argument)) throw new Error('hold { url, count }')
  const url = new URL(String(argument.url))
  const count = Number(argument.count)
  lost = 0
  while (sockets.size < count) {
    const room = Math.min(AT_ONCE, count - sockets.size)
    await Promise.all(Array.from({ length: room }, () => open(url)))
  }
  return sockets.size
}

function open(url: URL): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(url.port), url.hostname)
    const onLoss = (): void => {
      if (sockets.delete(socket)) lost++
    }
    socket.once('error', reject)
    socket.once('connect', () => {
      sockets.add(socket)
      socket.on('data', onLoss)
      socket.on('close', onLoss)
      socket.write(`GET /held HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`, () => resolve())
    })
  })
}

function release(): void {
  const held = [...sockets]
  sockets.clear()
  for (const socket of held) socket.destroy()
}
