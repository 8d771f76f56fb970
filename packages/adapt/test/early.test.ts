/** Servers that answer before they have read the request, and close: the answer is there before a byte of the request can be written. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { HttpResponse, UrlHandler } from '@tempest/worker'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { replay } from '../src'
import { ask, failing } from './handle'

/** A thread of its own, so that it has closed while ours stands still between the connection and the first byte. */
const program = `
const { workerData: { path, says, done } } = require('node:worker_threads')
require('node:net').createServer((socket) => {
  socket.on('close', () => {
    Atomics.add(done, 0, 1)
    Atomics.notify(done, 0)
  })
  socket.write(says, () => socket.destroy())
}).listen(path, () => require('node:worker_threads').parentPort.postMessage('listens'))
`
let folder: string
let server: Worker | undefined
let done: Int32Array

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tempest-early-'))
  done = new Int32Array(new SharedArrayBuffer(4))
})
afterEach(async () => {
  await server?.terminate()
  rmSync(folder, { recursive: true })
})

async function saying(says: string): Promise<UrlHandler> {
  const path = join(folder, 'socket')
  server = new Worker(program, { eval: true, workerData: { path, says, done } })
  await once(server, 'message')
  const handler = replay(`unix:${path}`)
  return (request, job) => {
    const before = Atomics.load(done, 0)
    // To be connected takes a call of the system only, so its server may close from here on.
    const answer = handler(request, job)
    expect(Atomics.wait(done, 0, before, 5000)).not.toBe('timed-out')
    return answer as Promise<HttpResponse>
  }
}

describe.each(['POST', 'PUT'])('to %s', (method) => {
  const body = Buffer.alloc(900_000)
  test.each([
    ['of a length', 'Content-Length: 8\r\n\r\ntoo much'],
    ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n8\r\ntoo much\r\n0\r\n\r\n'],
    ['that ends with its connection', 'Connection: close\r\n\r\ntoo much'],
  ])('an answer %s is passed on', async (_, rest) => {
    const handler = await saying(`HTTP/1.1 413 Large\r\n${rest}`)
    for (let i = 0; i < 2; i++) {
      const answer = await ask(handler, { method, body })
      expect([answer.status, answer.body.toString()]).toEqual([413, 'too much'])
    }
  })

  test.each(['', 'HTTP/1.1 413 La', 'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nto'])(
    'half an answer is 502: %j',
    async (says) => {
      expect(await failing(ask(await saying(says), { method, body }))).toBe(502)
    },
  )
})
