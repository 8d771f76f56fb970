/** What becomes of direct streams whose worker or front leaves, in whichever way. */
import { expect, test } from '@jest/globals'
import { describeWithRedis } from '../../../../test/helpers/redis'
import { until } from '../../../../test/helpers/until'
import { ask } from '../client'
import { useRedis } from '../serve'
import { asks, HEAD, RespClient, serveDirect } from './resp'
import { getStuck, isHeld, type Stuck } from './stuck'

const END = '\r\n0\r\n\r\n'
const MIB = 1024 * 1024

describeWithRedis('a direct stream that is left', () => {
  const redis = useRedis()
  const direct = (options = {}, work = {}) => serveDirect({ redis: redis.url, ...options }, work)

  const stuck = async (waitMs?: number, options = {}, work = {}): Promise<Stuck> =>
    getStuck(await direct(options, work), waitMs)

  test('is cut within about a second where the connection of its worker has ended', async () => {
    const served = await direct()
    const { client, job } = await asks(served)
    const worker = await RespClient.open(served.address)
    await worker.sayAll(['head', job.id, HEAD], ['chunk', job.id, 'first', 0])
    await client.hears('first')
    const from = performance.now()
    worker.socket.destroy()
    await client.closed
    expect(performance.now() - from).toBeLessThan(5000)
    expect(client.text).toMatch(/5\r\nfirst\r\n$/)
    expect(served.front.stats().errors).toEqual({ WORKER_LOST: 1 })
  })

  test('is cut where the connection of its worker has ended, though a verb of it was refused before', async () => {
    const served = await direct()
    const { client, job } = await asks(served)
    const worker = await RespClient.open(served.address)
    const replies = await worker.sayAll(
      ['head', job.id, HEAD],
      ['chunk', job.id, 'a', 0],
      ['answer', job.id, '[200,{},"whole"]'],
      ['chunk', job.id, 'b', 1],
    )
    expect(replies).toEqual(['+OK', '+OK', expect.stringMatching(/^-FENCED /), '+OK'])
    await client.hears('b')
    worker.socket.destroy()
    await until(() => client.socket.destroyed, 2500)
  })

  test('is cut where its worker ended while a chunk was held and another behind it, though its client reads again', async () => {
    const it = await stuck()
    const { worker, asked, id, n } = it
    worker.send(['chunk', id, 'held', n], ['chunk', id, 'behind', n + 1])
    await isHeld(it, worker.heard.length)
    worker.socket.destroy()
    await until(() => worker.socket.closed)
    asked.client.socket.resume()
    await asked.client.hears('held')
    await until(() => asked.client.socket.destroyed, 2500)
    expect(asked.client.text).not.toContain(END)
  })

  test('goes on where its worker comes back on another connection', async () => {
    const served = await direct()
    const { client, job } = await asks(served)
    const gone = await asks(served)
    const worker = await RespClient.open(served.address)
    await worker.sayAll(['head', job.id, HEAD], ['chunk', job.id, 'a', 0])
    await worker.sayAll(['head', gone.job.id, HEAD], ['chunk', gone.job.id, 'a', 0])
    worker.socket.destroy()
    await until(() => served.front.stats().direct?.connections === 0)
    const again = await RespClient.open(served.address)
    expect(await again.sayAll(['head', job.id, HEAD], ['chunk', job.id, 'a', 0])).toEqual([
      '+OK',
      '+OK',
    ])
    // Began with it, and is not taken up again.
    await gone.client.closed
    expect(await again.sayAll(['chunk', job.id, 'b', 1], ['end', job.id, 2])).toEqual([
      '+OK',
      '+OK',
    ])
    await client.hears(END)
  })

  test('is cut in the end where its worker has another connection, and does not go on over that', async () => {
    const served = await direct()
    const { client, job } = await asks(served)
    const [worker, other] = [
      await RespClient.open(served.address),
      await RespClient.open(served.address),
    ]
    for (const each of [worker, other]) await each.say('node', 'a'.repeat(16))
    await worker.sayAll(['head', job.id, HEAD], ['chunk', job.id, 'a', 0])
    await client.hears('\r\na\r\n')
    worker.socket.destroy()
    await client.closed
    expect(client.text).not.toContain(END)
    expect(served.front.stats()).toMatchObject({ errors: { WORKER_LOST: 1 }, inFlight: 0 })
  })

  test('belongs to the connection that it was heard of last: the end of the one before does not cut it', async () => {
    const served = await direct()
    const { client, job } = await asks(served)
    const witness = await asks(served)
    const [first, second] = [
      await RespClient.open(served.address),
      await RespClient.open(served.address),
    ]
    await first.sayAll(['head', job.id, HEAD], ['head', witness.job.id, HEAD])
    await first.sayAll(['chunk', witness.job.id, 'w', 0])
    expect(await second.say('chunk', job.id, 'a', 0)).toBe('+OK')
    await client.hears('\r\na\r\n')
    first.socket.destroy()
    await witness.client.closed
    expect(await second.sayAll(['chunk', job.id, 'b', 1], ['end', job.id, 2])).toEqual([
      '+OK',
      '+OK',
    ])
    await client.hears(END)
  })

  test('is cut where the connection that it was heard of last has ended, whichever brought its head', async () => {
    const served = await direct()
    const { client, job } = await asks(served)
    const [first, second] = [
      await RespClient.open(served.address),
      await RespClient.open(served.address),
    ]
    await first.say('head', job.id, HEAD)
    await second.say('chunk', job.id, 'first', 0)
    await client.hears('first')
    second.socket.destroy()
    await until(() => client.socket.destroyed, 2500)
    expect(client.text).not.toContain(END)
  })

  test('sent in one go, with the end of its connection behind it, is whole', async () => {
    const served = await direct()
    for (const size of [10, 200_000, 2 * MIB]) {
      const answer = ask(served.port)
      const { id } = await served.hand.pop()
      const worker = await RespClient.open(served.address)
      const half = Buffer.alloc(size, 'x')
      worker.send(
        ['head', id, HEAD],
        ['chunk', id, half, 0],
        ['chunk', id, half, 1],
        ['end', id, 2],
      )
      worker.socket.end()
      expect((await answer).body.length).toBe(2 * size)
    }
  })

  test('sent in one go to a client that reads later is whole too', async () => {
    const it = await stuck()
    const { worker, asked, id, n } = it
    const heard = worker.heard.length
    worker.send(['chunk', id, 'a', n], ['chunk', id, 'b', n + 1], ['end', id, n + 2])
    worker.socket.end()
    await isHeld(it, heard)
    asked.client.socket.resume()
    await asked.client.hears(END)
    await worker.closed
    expect(worker.heard.slice(heard)).toEqual(['+OK', '+OK', '+OK'])
  })

  test('over a connection that its worker leaves with QUIT is whole, and QUIT is replied to', async () => {
    const served = await direct()
    const answer = ask(served.port)
    const { id } = await served.hand.pop()
    const worker = await RespClient.open(served.address)
    const half = Buffer.alloc(MIB, 'x')
    worker.send(
      ...[
        ['head', id, HEAD],
        ['chunk', id, half, 0],
        ['chunk', id, half, 1],
        ['end', id, 2],
      ],
      ...[['quit'], ['ping']],
    )
    await worker.closed
    expect(worker.heard).toEqual(Array(5).fill('+OK'))
    expect((await answer).body.length).toBe(2 * MIB)
  })

  test('that is announced is not cut while its node has another connection', async () => {
    const served = await direct()
    const { client, job } = await asks(served)
    const witness = await asks(served)
    const [first, second, third] = [
      await RespClient.open(served.address),
      await RespClient.open(served.address),
      await RespClient.open(served.address),
    ]
    const [, boot] = /^\+(\S+)$/.exec(String(await first.say('node', 'w0rker'))) ?? []
    expect(job.id.startsWith(`${boot ?? ''}-`)).toBe(true)
    expect(await second.say('node', 'w0rker')).toBe(`+${boot ?? ''}`)
    expect(await first.say('node', 'w0rker')).toBe(`+${boot ?? ''}`)
    expect(await first.say('node', 'another')).toMatch(/^-ERR /)
    for (const bad of ['', 'a b', 'x'.repeat(65), 'ä']) {
      expect(await third.say('node', bad)).toMatch(/^-ERR /)
    }
    await first.sayAll(['head', job.id, HEAD], ['chunk', job.id, 'a', 0])
    await third.sayAll(['head', witness.job.id, HEAD], ['chunk', witness.job.id, 'w', 0])
    first.socket.destroy()
    third.socket.destroy()
    await witness.client.closed
    expect(await second.sayAll(['chunk', job.id, 'b', 1], ['end', job.id, 2])).toEqual([
      '+OK',
      '+OK',
    ])
    await client.hears(END)
  })

  test('of a front that stops is cut, a held chunk is -GONE, and all connections end', async () => {
    const it = await stuck(600_000, { drainMs: 200 })
    const { served, worker, asked, id, n } = it
    const heard = worker.heard.length
    worker.send(['chunk', id, 'x', n], ['chunk', id, 'y', n + 1])
    await isHeld(it, heard)
    await served.front.stop()
    await Promise.all([worker.closed, it.other.closed])
    expect(worker.heard.slice(heard, heard + 1)).toEqual([expect.stringMatching(/^-GONE /)])
    asked.client.socket.resume()
    await asked.client.closed
    expect(asked.client.text).not.toContain(END)
    await expect(RespClient.open(served.address)).rejects.toThrow(/ECONNREFUSED/)
  })

  test('may end while its front drains', async () => {
    const served = await direct({ drainMs: 4000 })
    const { client, job } = await asks(served)
    const worker = await RespClient.open(served.address)
    await worker.sayAll(['head', job.id, HEAD], ['chunk', job.id, 'a', 0])
    await client.hears('\r\na\r\n')
    const stopped = served.front.stop()
    const late = await RespClient.open(served.address)
    expect(await late.sayAll(['chunk', job.id, 'b', 1], ['end', job.id, 2])).toEqual(['+OK', '+OK'])
    await client.hears(END)
    await stopped
    await worker.closed
  })

  test('is cut after idleMs where its worker is silent, whatever else is said on its connection', async () => {
    const served = await direct({}, { idleMs: 300 })
    const { client, job } = await asks(served)
    const worker = await RespClient.open(served.address)
    await worker.sayAll(['head', job.id, HEAD], ['chunk', job.id, 'a', 0])
    while (!client.socket.destroyed) await worker.say('ping')
    expect(await worker.say('chunk', job.id, 'b', 1)).toMatch(/^-GONE /)
  })
})
