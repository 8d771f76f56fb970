/** A worker's shared connection to a front; the front is made by hand. */
import { afterEach, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { until } from '../../../test/helpers/until'
import { Peer, SOON_MS } from '../src/direct/peer'

const FRONT = 'f'.repeat(16)
const FAR_MS = 5000
const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

/** Says who it is, and `pinged` what comes then. */
async function listen(pinged: (socket: Socket) => void): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => {
      socket.write(`+OK\r\n+${FRONT}\r\n`)
      socket.on('data', () => pinged(socket))
    })
  }).listen(0, '127.0.0.1')
  cleanups.push(() => server.close())
  await once(server, 'listening')
  return server
}

async function openPeer(server: Server): Promise<{ peer: Peer; gone: () => string | undefined }> {
  const { port } = server.address() as AddressInfo
  let gone: string | undefined
  const terms = { host: '127.0.0.1', port, front: FRONT, own: 'a'.repeat(16), password: undefined }
  const peer = new Peer(terms, (reason) => (gone = reason))
  cleanups.push(() => peer.leave())
  await until(() => peer.ready)
  return { peer, gone: () => gone }
}

test('a reply that is there, and was not read since this process stood still, is no silence', async () => {
  let looked = false
  const server = await listen((socket) => {
    socket.write('+PONG\r\n')
    // As after a long turn: timers come before what sockets have.
    peer.look(performance.now() + FAR_MS)
    looked = true
  })
  const { peer, gone } = await openPeer(server)
  peer.look(performance.now())
  await until(() => looked && peer.shared.owed === 0)
  // It looks a second time.
  const from = performance.now()
  await until(() => performance.now() - from > 2 * SOON_MS)
  expect([gone(), peer.ready]).toEqual([undefined, true])
})

test('a front that says nothing for seconds is given up', async () => {
  let pings = 0
  const { peer, gone } = await openPeer(await listen(() => pings++))
  peer.look(performance.now())
  await until(() => pings === 1)
  peer.look(performance.now() + FAR_MS)
  expect(await until(gone)).toBe('it has said nothing for 3000 ms')
  expect(peer.over).toBe(true)
})
