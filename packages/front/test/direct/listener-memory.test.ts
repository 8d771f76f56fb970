/** What anybody may do to the direct listener costs the front a bounded amount of memory, and does not disturb others. The front is a process of its own. */
import { afterEach, expect, test } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import { describeWithRedis } from '../../../../test/helpers/redis'
import { endPrograms, type Program, startProgram } from '../../../../test/helpers/programs/start'
import { untilStill } from '../../../../test/helpers/still'
import { until } from '../../../../test/helpers/until'
import { get, RawClient } from '../client'
import { fieldsOf, Hand, useRedis } from '../serve'
import { command, HEAD, RespClient } from './resp'

const MIB = 1024 * 1024
/** Both ends of a connection are files; each process has its own count of them. */
const FILES = Number(execFileSync('sh', ['-c', 'ulimit -n']).toString()) || 1_000_000

describeWithRedis('the memory of a front with a direct listener', () => {
  const redis = useRedis()
  afterEach(endPrograms)

  interface Own {
    front: Program
    address: string
    port: number
    /** Bytes that live, after a full collection. */
    live(): Promise<number>
    direct(): Promise<Record<string, unknown>>
  }
  async function start(options: Record<string, unknown> = {}): Promise<Own> {
    const config = [
      {
        queue: 'tempest',
        redis: redis.url,
        redisWaitMs: 10_000,
        work: { deadlineMs: 60_000 },
        direct: { port: 0 },
        drainMs: 50,
        ...options,
      },
    ]
    const front = await startProgram('front', config, { flags: ['--expose-gc'] })
    const direct = async (): Promise<Record<string, unknown>> => {
      const [stats] = (await front.ask('stats')) as unknown[]
      return fieldsOf(fieldsOf(stats).direct)
    }
    const address = await until(async () => (await direct()).address)
    const [port] = (await front.ask('ports')) as number[]
    const live = async (): Promise<number> => Number(fieldsOf(await front.ask('resources')).live)
    return { front, address: String(address), port: port ?? 0, live, direct }
  }
  /** The most that lives until nothing of these connections moves any more, at the front or here. */
  async function mostOf({ live }: Own, clients: RespClient[]): Promise<number> {
    let most = 0
    let moved = -1
    for (let still = 0; still < 3;) {
      most = Math.max(most, await live())
      const now = clients.reduce(
        (sum, { socket }) => sum + socket.bytesWritten - socket.writableLength,
        0,
      )
      still = now === moved ? still + 1 : 0
      moved = now
    }
    return most
  }

  test('is hardly touched by thousands of connections that each say half a command, and others are answered all the while', async () => {
    const count = Math.min(10_000, FILES - 500) - 1
    const own = await start()
    const witness = await RespClient.open(own.address)
    const before = await own.live()
    const half = command('chunk', 'nobody', 'x'.repeat(600), 0).subarray(0, 500)
    const clients: RespClient[] = []
    for (let n = 0; n < count; n += 500) {
      const some = Array.from({ length: Math.min(500, count - n) }, () =>
        RespClient.open(own.address),
      )
      clients.push(...(await Promise.all(some)))
    }
    for (const client of clients) client.write(half)
    await until(async () => (await own.direct()).bytes === count * half.length, 10_000)
    expect(await own.direct()).toMatchObject({ connections: count + 1, refused: 0 })
    expect((await own.live()) - before).toBeLessThan(count * 16 * 1024)
    // One byte more of each, all the time.
    const drip = { on: true }
    const dripping = (async () => {
      for (let n = 0; drip.on; n = (n + 20) % count) {
        for (const client of clients.slice(n, n + 20)) client.write('x')
        await new Promise((resolve) => setImmediate(resolve))
      }
    })()
    for (let i = 0; i < 100; i++) expect(await witness.say('ping')).toBe('+PONG')
    drip.on = false
    await dripping
    for (const { socket } of clients) socket.resetAndDestroy()
    await until(async () => (await own.direct()).connections === 1, 10_000)
    expect(await own.direct()).toMatchObject({ bytes: 0 })
    await until(async () => (await own.live()) - before < 8 * MIB)
  })

  test('is not taken by replies that nobody reads', async () => {
    const own = await start({ maxHeldBytes: 16 * MIB })
    const before = await own.live()
    const clients: RespClient[] = []
    const large = command('echo', Buffer.alloc(6 * MIB))
    for (let n = 0; n < 20; n++) {
      const client = await RespClient.open(own.address)
      client.socket.pause()
      client.write(large)
      client.write('info\n'.repeat(50_000))
      clients.push(client)
    }
    expect((await mostOf(own, clients)) - before).toBeLessThan(64 * MIB)
    const other = await RespClient.open(own.address)
    expect(await other.say('ping')).toBe('+PONG')
    for (const { socket } of clients) socket.resetAndDestroy()
    await until(async () => (await own.live()) - before < 4 * MIB)
  })

  test.each<[string, Buffer]>([
    ['has said QUIT', command('quit')],
    ['has broken the protocol', Buffer.from('*1\r\n!')],
  ])('is not taken by what comes from a connection that %s and does not read', async (_, last) => {
    const own = await start({ maxHeldBytes: 64 * MIB })
    const before = await own.live()
    const client = await RespClient.open(own.address)
    client.socket.pause()
    client.write(Buffer.concat([command('echo', Buffer.alloc(16 * MIB)), last]))
    for (let n = 0; n < 100; n++) client.write(Buffer.alloc(MIB, 'ping\n'))
    expect((await mostOf(own, [client])) - before).toBeLessThan(80 * MIB)
    const other = await RespClient.open(own.address)
    expect(await other.say('ping')).toBe('+PONG')
  })

  test('is taken for no length that was only declared', async () => {
    const own = await start()
    const before = await own.live()
    const clients: RespClient[] = []
    for (let n = 0; n < 300; n++) {
      const client = await RespClient.open(own.address)
      client.write('*64\r\n$5\r\nchunk\r\n$16777216\r\nx')
      clients.push(client)
    }
    await until(async () => Number((await own.direct()).bytes) >= 300 * 28)
    expect((await own.live()) - before).toBeLessThan(10 * MIB)
  })

  test('is bounded where many send large commands that never end, and a small one is taken all the same', async () => {
    const own = await start({ maxHeldBytes: 16 * MIB })
    const before = await own.live()
    const other = await RespClient.open(own.address)
    const clients: RespClient[] = []
    for (let n = 0; n < 30; n++) {
      const client = await RespClient.open(own.address)
      client.write(Buffer.concat([Buffer.from('*64\r\n$16777216\r\n'), Buffer.alloc(5 * MIB)]))
      clients.push(client)
    }
    expect((await mostOf(own, clients)) - before).toBeLessThan(64 * MIB)
    expect(Number((await own.direct()).bytes)).toBeLessThan(10 * MIB)
    expect(await other.say('ping')).toBe('+PONG')
    for (const { socket } of clients) socket.destroy()
    await until(async () => (await own.direct()).connections === 1)
    expect(await own.direct()).toMatchObject({ bytes: 0 })
  })

  test('is what it counts, where small chunks for a slow client come among many others', async () => {
    const own = await start()
    const hand = new Hand(redis.url)
    const slow = await RawClient.open(own.port)
    slow.write(get('/'))
    const { id } = await hand.pop()
    slow.socket.pause()
    const worker = await RespClient.open(own.address)
    await worker.say('head', id, HEAD)
    const held = async (): Promise<number> => {
      const [stats] = (await own.front.ask('stats')) as unknown[]
      return Number(fieldsOf(stats).heldBytes)
    }
    let n = 0
    // What the kernel still has room for is not held for long.
    do {
      await worker.sayAll(['chunk', id, Buffer.alloc(MIB), n++], ['ping'])
    } while ((await held()) < MIB || (await untilStill(held)) < MIB)
    const [before, heldBefore] = [await own.live(), await held()]
    const noise = ['end', 'x'.repeat(60_000), 0]
    for (let i = 0; i < 500; i++) {
      await worker.sayAll(['chunk', id, Buffer.alloc(100), n++], noise)
    }
    const [grown, counted] = [(await own.live()) - before, (await held()) - heldBefore]
    expect(counted).toBeGreaterThanOrEqual(50_000)
    expect(grown).toBeLessThan(6 * MIB)
  })

  test('does not grow with the streams a connection has carried', async () => {
    const own = await start()
    const hand = new Hand(redis.url)
    const worker = await RespClient.open(own.address)
    const client = await RawClient.open(own.port)
    const round = async (): Promise<void> => {
      client.write(Array.from({ length: 50 }, () => get('/')).join(''))
      for (let i = 0; i < 50; i++) {
        const { id } = await hand.pop()
        // A gap: it ends otherwise than by its end.
        worker.send(['head', id, HEAD], ['chunk', id, 'x', 1])
      }
      await worker.say('ping')
    }
    await round()
    const before = await own.live()
    for (let i = 0; i < 10; i++) await round()
    expect((await own.live()) - before).toBeLessThan(2 * MIB)
  })
})
