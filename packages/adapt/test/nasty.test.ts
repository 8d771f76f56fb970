/** Servers that break off, lie, are slow or are not there: nothing of theirs may look whole, and no request waits for ever. */
import { afterEach, describe, expect, test } from '@jest/globals'
import { Readable } from 'node:stream'
import type { Socket } from 'node:net'
import { freePort } from '../../../launch/test/launched'
import { until } from '../../../test/helpers/until'
import { replay } from '../src'
import { ask, closeAll, failing, rawUpstream, start, upstream } from './handle'

afterEach(closeAll)

/** Says this to whoever asks, and then ends the connection in order. */
const saying = (text: string): Promise<string> =>
  rawUpstream((socket) => socket.once('data', () => socket.end(text, 'latin1')))

describe('a server', () => {
  test('that is not there is 502', async () => {
    expect(await failing(ask(replay(`http://127.0.0.1:${await freePort()}`)))).toBe(502)
    expect(await failing(ask(replay('unix:/nowhere/to/be/found.sock')))).toBe(502)
  })

  test.each([
    ['nothing', ''],
    ['garbage', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['a status that is none', 'HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n'],
    ['a status of no digits', 'HTTP/1.1 abc\r\n\r\n'],
    ['half a head', 'HTTP/1.1 200 OK\r\nContent-'],
    ['101', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc'],
    [
      'a length and chunks',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a length that is none', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n'],
    ['a header without end', `HTTP/1.1 200 OK\r\nX-Large: ${'x'.repeat(100_000)}\r\n\r\n`],
    ['a header with a zero byte', 'HTTP/1.1 200 OK\r\nX-A: \0\r\nContent-Length: 0\r\n\r\n'],
    ['a coding without chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc'],
    [
      'a coding within its chunks',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    ],
    ['less than its length', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc'],
  ])('that says %s is 502', async (_, text) => {
    expect(await failing(ask(replay(await saying(text))))).toBe(502)
  })

  test('whose response cannot be passed on is left at once', async () => {
    const closed: string[] = []
    const to = await upstream((req, res) => {
      res.once('close', () => closed.push(req.url ?? ''))
      res.writeHead(200, { 'transfer-encoding': 'gzip, chunked' }).write('abc')
    })
    expect(await failing(ask(replay(to), { url: '/coded' }))).toBe(502)
    await until(() => closed.length === 1)
  })

  test.each(['chunked', 'Chunked'])('may chunk what it says, as %s', async (coding) => {
    const head = `HTTP/1.1 200 OK\r\nTransfer-Encoding: ${coding}\r\n\r\n`
    const to = await saying(`${head}3\r\nabc\r\n0\r\n\r\n`)
    expect((await ask(replay(to))).body.toString()).toBe('abc')
  })

  test('may say the old name of no coding', async () => {
    const to = await saying('HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nabc')
    expect((await ask(replay(to))).body.toString()).toBe('abc')
  })

  test.each([
    ['short of a long length', 'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nabc'],
    ['between chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'],
    ['within a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n30\r\nabc'],
    ['in a chunk that is none', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcxx'],
  ])('that ends %s breaks the body', async (_, text) => {
    const { body } = await start(replay(await saying(text)))
    if (!(body instanceof Readable)) throw new Error('it did not come piece by piece')
    await expect(body.toArray()).rejects.toThrow()
  })

  test('that says more than its length is not heard any more', async () => {
    const to = await saying('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n')
    expect((await ask(replay(to))).body.toString()).toBe('ok')
  })

  test('that never answers is 504 in time, and its connection is closed', async () => {
    const sockets: Socket[] = []
    const to = await rawUpstream((socket) => void sockets.push(socket.resume()))
    expect(await failing(ask(replay(to, { timeoutMs: 50 })))).toBe(504)
    await until(() => sockets.every((socket) => socket.destroyed || socket.readableEnded))
  })

  test('that falls silent within a body breaks it', async () => {
    const to = await upstream((_req, res) => void res.write('abc'))
    const { body } = await start(replay(to, { idleMs: 50 }))
    if (!(body instanceof Readable)) throw new Error('it did not come piece by piece')
    await expect(body.toArray()).rejects.toMatchObject({ status: 504 })
    const short = await upstream((_req, res) => {
      res.writeHead(200, { 'content-length': 10 })
      res.write('abc')
    })
    expect(await failing(ask(replay(short, { idleMs: 50 })))).toBe(504)
  })

  test('that waits for a slow reader is not taken for silent', async () => {
    const large = Buffer.alloc(8 * 1024 * 1024, 'x')
    const to = await upstream((req, res) => {
      if (req.url === '/silent') res.write('abc')
      else res.end(large)
    })
    const handler = replay(to, { idleMs: 400 })
    const { body } = await start(handler)
    if (!(body instanceof Readable)) throw new Error('it did not come piece by piece')
    // As long as it takes to miss one that is silent.
    for (let n = 0; n < 2; n++) expect(await failing(ask(handler, { url: '/silent' }))).toBe(504)
    expect(Buffer.concat((await body.toArray()) as Buffer[]).length).toBe(large.length)
  })

  test('that has said all is not taken for silent, however late its reader comes for the end', async () => {
    const to = await upstream((req, res) => {
      if (req.url === '/silent') res.write('abc')
      else res.end('abc')
    })
    const handler = replay(to, { idleMs: 20, collectBytes: 0 })
    const { body } = await start(handler)
    if (!(body instanceof Readable)) throw new Error('it did not come piece by piece')
    const iterator = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>
    expect(await iterator.next()).toMatchObject({ done: false })
    // As long as it takes to miss one that is silent, twice.
    for (let n = 0; n < 2; n++) expect(await failing(ask(handler, { url: '/silent' }))).toBe(504)
    expect(await iterator.next()).toMatchObject({ done: true })
  })

  test('that says 100 and 103 before its answer is heard out', async () => {
    const early = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'
    const to = await saying(`${early}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`)
    expect(await ask(replay(to), { headers: { expect: '100-continue' } })).toMatchObject({
      status: 200,
    })
  })

  test('of HTTP/1.0, whose body ends with the connection, is streamed to its end', async () => {
    const { body, streamed } = await ask(replay(await saying('HTTP/1.0 200 OK\r\n\r\nabc')))
    expect([body.toString(), streamed]).toEqual(['abc', true])
  })

  test('is left at once when nobody waits any more, before and within its answer', async () => {
    const closed: string[] = []
    const asked: string[] = []
    const to = await upstream((req, res) => {
      const { url = '' } = req
      asked.push(url)
      res.once('close', () => closed.push(url))
      if (url === '/begun') res.write('abc')
    })
    const before = new AbortController()
    const waiting = ask(replay(to), { url: '/waiting' }, before.signal)
    const failed = expect(waiting).rejects.toMatchObject({ name: 'AbortError' })
    const within = new AbortController()
    const { body } = await start(replay(to), { url: '/begun' }, within.signal)
    if (!(body instanceof Readable)) throw new Error('it did not come piece by piece')
    body.on('error', () => undefined)
    // They come by two connections, in whatever order.
    await until(() => asked.includes('/waiting'))
    before.abort()
    within.abort()
    await failed
    await until(() => closed.length === 2)
    expect(body.destroyed).toBe(true)
  })

  test('is not asked for somebody who has left already', async () => {
    let requests = 0
    const to = await upstream(() => requests++)
    await expect(ask(replay(to), {}, AbortSignal.abort())).rejects.toThrow()
    expect(requests).toBe(0)
  })

  test('that refuses a body early is heard, where it reads on', async () => {
    const to = await upstream((_req, res) => res.writeHead(413, { 'content-length': 0 }).end())
    const body = Buffer.alloc(1024 * 1024)
    expect((await ask(replay(to), { method: 'POST', body })).status).toBe(413)
  })

  test('that fails is told to the operator, without credentials', async () => {
    const lines: unknown[] = []
    const to = `http://me:secret@127.0.0.1:${await freePort()}`
    const logger = { warn: (fields: object) => void lines.push(fields) }
    await failing(ask(replay(to, { logger })))
    expect(lines).toHaveLength(1)
    expect(String(Reflect.get(Object(lines[0]), 'err'))).toMatch(/127\.0\.0\.1:\d+: ECONNREFUSED/)
    expect(JSON.stringify(lines)).not.toContain('secret')
  })
})
