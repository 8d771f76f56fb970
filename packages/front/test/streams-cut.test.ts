/** What of a reply in pieces must not look whole or be cut, where others have a hand in the response: clients, middleware, other responses. */
import { expect, test } from '@jest/globals'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Redis } from 'ioredis'
import { createGzip } from 'node:zlib'
import { describeWithRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import { get, RawClient } from './client'
import { fieldsOf, Hand, type Popped, serve, useRedis } from './serve'

const TEXT = { 'content-type': 'text/plain' }
const MIB = 1024 * 1024

/** Has all that is written go through gzip, as middleware that compresses does: its callbacks are lost, `drain` is that of gzip. */
function compressing(_: IncomingMessage, res: ServerResponse, next: () => void): void {
  const gzip = createGzip({ level: 1 })
  const { write, end } = res
  gzip.on('data', (chunk: Buffer) => {
    if (!Reflect.apply(write, res, [chunk])) gzip.pause()
  })
  res.on('drain', () => gzip.resume())
  gzip.on('end', () => void Reflect.apply(end, res, []))
  const once = res.once.bind(res)
  Object.assign(res, {
    write: (chunk: string | Buffer) => gzip.write(chunk),
    end: (chunk?: string | Buffer) => gzip.end(chunk),
    once: (event: string, told: () => void) =>
      event === 'drain' ? gzip.once(event, told) : once(event, told),
    flush: () => gzip.flush(),
  })
  next()
}

describeWithRedis('a reply in pieces', () => {
  const redis = useRedis()

  let pushing: Redis | undefined
  const push = (job: Popped, ...entries: [verb: string, ...unknown[]][]): Promise<unknown> => {
    pushing ??= redis.client()
    const texts = entries.map(([verb, ...rest]) => JSON.stringify([verb, job.id, ...rest]))
    return pushing.rpush(String(job.respondTo), ...texts)
  }

  test('that breaks behind another on its connection leaves that one whole', async () => {
    const { port } = await serve({ redis: redis.url })
    const hand = new Hand(redis.url)
    const client = await RawClient.open(port)
    client.write(get('/1') + get('/2'))
    const jobs = [await hand.pop(), await hand.pop()]
    const urlOf = ({ args }: Popped): string => String(fieldsOf(args[0])['url'])
    const [first, second] = jobs.sort((a, b) => urlOf(a).localeCompare(urlOf(b)))
    if (!first || !second) throw new Error('there are two')
    await push(first, ['head', [200, TEXT]], ['chunk', 'abc', 0])
    await push(second, ['head', [200, TEXT]], ['chunk', 'second', 0])
    await client.hears('abc')
    await push(second, ['fail', { message: 'x' }])
    await push(first, ['chunk', 'def', 1], ['end', 2])
    await client.closed
    expect(client.text).toContain('\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n')
    expect(client.text.slice(client.text.indexOf('def'))).not.toMatch(/second\r\n0\r\n/)
  })

  test('over HTTP/1.0 is ended by a reset where its client ends its own side before it is whole', async () => {
    const { port } = await serve({ redis: redis.url })
    const client = await RawClient.open(port, true)
    let reset = false
    client.socket.on('error', () => (reset = true))
    client.write('GET / HTTP/1.0\r\n\r\n')
    const job = await new Hand(redis.url).pop()
    await push(job, ['head', [200, TEXT]], ['chunk', 'abc', 0])
    await client.hears('abc')
    client.socket.end()
    await client.closed
    expect({ reset, ended: client.ended }).toEqual({ reset: true, ended: false })
  })

  test('over HTTP/1.0 leaves its connection as it was, once it is whole', async () => {
    const { port } = await serve({ redis: redis.url })
    const client = await RawClient.open(port, true)
    client.write('GET / HTTP/1.0\r\nConnection: close\r\n\r\n')
    const job = await new Hand(redis.url).pop()
    await push(job, ['head', [200, TEXT]], ['chunk', 'abc', 0], ['end', 1])
    await until(() => client.ended)
    expect(client.text).toMatch(/abc$/)
  })

  test('through middleware that compresses leaves at once, and counts what its client has not taken', async () => {
    const { port, front } = await serve({ redis: redis.url }, (each) => {
      const work = each.work('tempest')
      return (req: IncomingMessage, res: ServerResponse) => {
        compressing(req, res, () => work(req, res))
      }
    })
    const client = await RawClient.open(port)
    client.write(get('/'))
    const job = await new Hand(redis.url).pop()
    await push(job, ['head', [200, TEXT]], ['chunk', 'first', 0])
    await until(() => client.text.includes('\r\n\r\n') && !client.text.endsWith('\r\n\r\n'))
    client.socket.pause()
    const noise = Buffer.from(Array.from({ length: MIB }, () => Math.random() * 256)).toString(
      'base64',
    )
    // Its worker does not wait: sooner or later it is cut, long before all of it would be here.
    for (let n = 1; n < 40 && front.stats().inFlight > 0; n++) {
      await push(job, ['chunk', { base64: noise }, n])
    }
    await until(() => front.stats().inFlight === 0)
    expect(front.stats()).toMatchObject({ errors: { OVERRUN: 1 }, heldBytes: 0 })
  })

  test('is not cut while its client takes some of it within four times idleMs, and its worker waits', async () => {
    const { port, front } = await serve({ redis: redis.url }, (each) =>
      each.work('tempest', { idleMs: 200 }),
    )
    const client = await RawClient.open(port)
    client.write(get('/'))
    const job = await new Hand(redis.url).pop()
    client.socket.pause()
    // From before the push, and by when it was cut: however late that is seen, it was not too early.
    const began = performance.now()
    await push(job, ['head', [200, TEXT]], ['chunk', 'x'.repeat(6 * MIB), 0])
    await until(() => front.stats().inFlight === 0)
    expect(performance.now() - began).toBeGreaterThan(500)
    expect(front.stats().errors).toEqual({ DEADLINE: 1 })
  })
})
