/** Clients that take next to nothing of large streams: the front's memory stays within its bound, and others are served. */
import { afterAll, expect, test } from '@jest/globals'
import { connect, type Socket } from 'node:net'
import { describeWithRedis } from '../helpers/redis'
import { untilStill } from '../helpers/still'
import { until } from '../helpers/until'
import { type Fleet, openFleet } from './fleet'

const CLIENTS = 500
const STREAM_BYTES = 100 * 1024 * 1024
const HELD_BYTES = 64 * 1024 * 1024
/** What the sockets themselves cost, and garbage that was not collected. */
const BESIDE_BYTES = 160 * 1024 * 1024

describeWithRedis('500 clients that read a byte a second from streams of 100 MB', () => {
  let fleet: Fleet | undefined
  const sockets: Socket[] = []
  afterAll(async () => {
    for (const socket of sockets) socket.destroy()
    await fleet?.stop()
  })

  test('hold no more than maxHeldBytes, and keep nobody else from being answered', async () => {
    fleet = await openFleet({
      // Nobody dies here, whoever stands still for a moment.
      ...{ name: 'slow clients', maxMs: 5, patienceMs: 10_000 },
      front: { direct: ':0', maxHeldBytes: HELD_BYTES },
      worker: { concurrency: CLIENTS + 64 },
    })
    const [front] = fleet.living('front')
    if (!front) throw new Error('no front')
    const before = await rss(front)
    for (let n = 0; n < CLIENTS; n++) sockets.push(slowClient(front.port))
    const reading = setInterval(() => {
      for (const socket of sockets) socket.read(1)
    }, 1000)
    try {
      // All that kernels take is taken, and every stream stands still.
      const held = async (): Promise<number> => {
        const bytes = await front.count('heldBytes')
        return bytes > 1024 * 1024 ? bytes : NaN
      }
      await untilStill(held, { quietMs: 300, timeoutMs: 40_000 })
      fleet.load.start(100)
      await until(() => (fleet?.load.asked.length ?? 0) >= 150, 20_000)
      await fleet.load.finish()
      expect(await front.count('heldBytes')).toBeLessThan(HELD_BYTES)
      expect((await rss(front)) - before).toBeLessThan(HELD_BYTES + BESIDE_BYTES)
      expect(fleet.load.asked.filter(({ outcome }) => outcome?.status !== 200)).toEqual([])
      // An answer has arrived a moment before its request is over.
      await until(async () => (await front.count('inFlight')) === CLIENTS)
    } finally {
      clearInterval(reading)
    }
    for (const socket of sockets) socket.destroy()
    await fleet.close()
  })
})

async function rss(unit: { program: { ask(what: string): Promise<unknown> } }): Promise<number> {
  const found = await unit.program.ask('resources')
  return typeof found === 'object' && found !== null ? Number(Reflect.get(found, 'rss')) : NaN
}

/** It never flows: what is read is read by the byte. */
function slowClient(port: number): Socket {
  const socket = connect({ host: '127.0.0.1', port })
  socket.on('error', () => undefined)
  socket.on('readable', () => undefined)
  socket.write(`GET /?fill=${STREAM_BYTES} HTTP/1.1\r\nHost: a\r\n\r\n`)
  return socket
}
