/** Any worker that serves the application of the kit: what goes in comes out, byte for byte. */
import { randomBytes } from 'node:crypto'
import { check, checkEqual, Skip } from '../../case.js'
import { needsApp, type WorkerCase } from '../levels.js'
import { headerOf, httpOf } from '../reply.js'
import type { WorkerStage } from '../stage.js'

const KIB = 1024
const every = Buffer.from(Array.from({ length: 256 }, (_none, i) => i))

async function echo(stage: WorkerStage, body: unknown, bytes: Buffer): Promise<void> {
  const headers = { 'content-type': 'application/x-conformance' }
  const reply = await stage.http({ method: 'POST', url: '/echo', headers, body })
  checkEqual(reply.status, 200, 'the status')
  check(reply.body.equals(bytes), `the body as it was sent, ${bytes.length} bytes`, reply.body)
  checkEqual(headerOf(reply, 'content-type'), 'application/x-conformance', 'its content-type')
}

const base64 = (bytes: Buffer): object => ({ base64: bytes.toString('base64') })

const bodies: [string, unknown, Buffer][] = [
  ['text', 'hello', Buffer.from('hello')],
  ['text that is not ASCII', 'héllo 😀 日本', Buffer.from('héllo 😀 日本')],
  ['a byte order mark', '\ufeffa', Buffer.from('efbbbf61', 'hex')],
  ['a NUL and other control characters', 'a\u0000b\u001f\u007f', Buffer.from('a\0b\x1f\x7f')],
  ['lines, quotes and backslashes', '"a"\\\r\n\t\u2028', Buffer.from('"a"\\\r\n\t\u2028')],
  ['bytes that are no UTF-8', base64(Buffer.from('fffe', 'hex')), Buffer.from('fffe', 'hex')],
  ['every byte there is', base64(every), every],
  ['text as base64', base64(Buffer.from('hi')), Buffer.from('hi')],
  ['no bytes as base64', { base64: '' }, Buffer.alloc(0)],
  ['no bytes as text', '', Buffer.alloc(0)],
  ['null', null, Buffer.alloc(0)],
  ['none', undefined, Buffer.alloc(0)],
]

const appCases: WorkerCase[] = [
  ...bodies.map(([what, body, bytes]): WorkerCase => ({
    rule: 'P-20',
    title: `A body comes back byte for byte: ${what}`,
    run: (stage) => echo(stage, body, bytes),
  })),
  {
    rule: 'P-20',
    title: 'A body comes back byte for byte: 256 KiB of random bytes',
    async run(stage) {
      const bytes = randomBytes(256 * KIB)
      await echo(stage, base64(bytes), bytes)
    },
  },
  {
    rule: 'P-20',
    title: 'A body comes back byte for byte: 1 MiB of text',
    async run(stage) {
      const text = 'häßlich\n'.repeat(105_000)
      await echo(stage, text, Buffer.from(text))
    },
  },
  ...['//4', '_w==', 'aGk\n='].map((text): WorkerCase => ({
    rule: 'P-21',
    title: `Base64 that is malformed is refused, not taken for other bytes: ${JSON.stringify(text)}`,
    should: true,
    async run(stage) {
      const reply = await stage.ask({ method: 'POST', url: '/echo', body: { base64: text } })
      checkEqual(reply.kind, 'fail', 'the verb')
      checkEqual(reply.failure['code'], 'BAD_REQUEST', 'the code')
    },
  })),
  {
    rule: 'P-12',
    title: 'The url keeps its percent-encoding; the application decodes it',
    async run(stage) {
      const url = '/json?name=a%20b%26c%3Dd%2F%C3%A9&other=1'
      const reply = await stage.http({ url })
      checkEqual(reply.status, 200, 'the status')
      const json: unknown = JSON.parse(reply.body.toString())
      const name = typeof json === 'object' && json !== null && 'name' in json ? json.name : json
      checkEqual(name, 'a b&c=d/é', 'name')
    },
  },
  {
    rule: 'P-12',
    title: 'A mount beside the url changes nothing',
    async run(stage) {
      const { status } = await stage.http({ url: '/json?name=x', mount: '/app' })
      checkEqual(status, 200, 'the status')
    },
  },
  {
    rule: 'P-41',
    title: 'Several fields of one name are an array of strings',
    async run(stage) {
      const { headers } = await stage.http({ url: '/cookies' })
      const [, found] = Object.entries(headers).find(([key]) => /^set-cookie$/i.test(key)) ?? []
      checkEqual(found, ['a=1; Path=/', 'b=2; Path=/'], 'set-cookie')
    },
  },
  {
    rule: 'P-41',
    title: 'What is not there is an answer with status 404, no failure',
    async run(stage) {
      const { status, body } = await stage.http({ url: `/nothing/here?${Date.now()}` })
      checkEqual(status, 404, 'the status')
      checkEqual(body.toString(), 'not found\n', 'the body')
    },
  },
  {
    rule: 'P-41',
    title: 'HEAD is answered as any other method',
    async run(stage) {
      const { status } = await stage.http({ method: 'HEAD', url: '/' })
      check(typeof status === 'number', 'a status', status)
    },
  },
  {
    rule: 'P-42',
    title: 'A failure of the application is a fail with the status it chose',
    async run(stage) {
      const { kind, failure } = await stage.ask({ url: '/error' })
      checkEqual(kind, 'fail', 'the verb')
      checkEqual(failure['status'], 409, 'the status')
      check(typeof failure['message'] === 'string', 'a message', failure)
    },
  },
  {
    rule: 'P-32',
    title: 'A worker that was slow answers once, and so does it what came behind',
    async run(stage) {
      const slow = await stage.push({ url: '/slow?ms=150' })
      const ids = await Promise.all(Array.from({ length: 20 }, () => stage.push({})))
      for (const id of [slow, ...ids]) await stage.reply(id)
      await stage.pass()
      for (const id of [slow, ...ids]) checkEqual(stage.inbox.of(id).length, 1, 'replies')
    },
  },
  {
    rule: 'P-132',
    title: 'The pieces of a reply are numbered from 0, and the end tells how many there were',
    async run(stage) {
      const reply = await stage.ask({ url: '/stream?n=5' })
      if (reply.kind === 'answer' && httpOf(reply).status === 404)
        throw new Skip('the application does not stream')
      if (reply.kind === 'answer') throw new Skip('the worker answers /stream in one piece')
      checkEqual(reply.kind, 'stream', 'a reply in pieces')
      const numbers = reply.entries.filter(({ verb }) => verb === 'chunk').map((it) => it.fourth)
      checkEqual(numbers, [...numbers.keys()], 'the numbers of the chunks')
      const end = reply.entries.find(({ verb }) => verb === 'end')
      checkEqual(end?.third, numbers.length, 'the count of the end')
    },
  },
]

export const contractCases: WorkerCase[] = appCases.map((each) => ({ ...each, skip: needsApp }))
