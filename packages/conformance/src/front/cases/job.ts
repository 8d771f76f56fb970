/** Any front: what a request becomes as a job. */
import { check, checkEqual } from '../../case.js'
import type { FrontCase } from '../cases.js'
import type { ClientRequest } from '../client.js'
import type { FrontStage, PoppedJob } from '../stage.js'

const ok = [200, {}, 'ok']

/** The job of a request, which is answered as soon as it is there. */
async function jobOf(stage: FrontStage, request: ClientRequest, rest = ''): Promise<PoppedJob> {
  const { job, exchange } = await stage.begin(request, rest)
  await stage.reply(job, ['answer', job.id, ok])
  await exchange.response
  return job
}

function headersOf({ request }: PoppedJob): Record<string, unknown> {
  const { headers } = request
  check(typeof headers === 'object' && headers !== null, 'headers, an object', headers)
  return Object.defineProperties({}, Object.getOwnPropertyDescriptors(headers))
}

function bytesOf({ request }: PoppedJob): Buffer | undefined {
  const { body } = request
  if (Buffer.isBuffer(body)) return body
  if (typeof body === 'string') return Buffer.from(body)
  if (typeof body !== 'object' || body === null || !('base64' in body)) return undefined
  return Buffer.from(String(body.base64), 'base64')
}

const bodies: [string, Buffer, 'any' | 'bytes'][] = [
  ['text', Buffer.from('hello'), 'any'],
  ['text that is not ASCII', Buffer.from('héllo 😀'), 'any'],
  ['a byte order mark', Buffer.from('efbbbf61', 'hex'), 'any'],
  ['a NUL', Buffer.from('610062', 'hex'), 'any'],
  ['bytes that are no UTF-8', Buffer.from('fffe', 'hex'), 'bytes'],
  ['every byte there is', Buffer.from(Array.from({ length: 256 }, (_none, i) => i)), 'bytes'],
  ['100 KiB of bytes', Buffer.alloc(100 * 1024, 'é\xff', 'latin1'), 'bytes'],
]

export const jobCases: FrontCase[] = [
  {
    rule: 'P-10',
    title: 'A request becomes one job, an array of exactly four: url, one argument, mailbox, id',
    async run(stage) {
      const { job, exchange, path } = await stage.begin()
      await stage.reply(job, ['answer', job.id, ok])
      await exchange.response
      const { whole } = job
      check(Array.isArray(whole) && whole.length === 4, 'an array of four', whole)
      const [action, args, respondTo, id] = whole as unknown[]
      checkEqual(action, 'url', 'the action')
      check(Array.isArray(args) && args.length === 1, 'one argument', args)
      check(typeof respondTo === 'string' && respondTo !== '', 'a mailbox', respondTo)
      check(!respondTo.startsWith('{'), 'a mailbox without a brace at its head', respondTo)
      check(typeof id === 'string' && id !== '', 'an id that is a string', id)
      checkEqual(stage.count(path), 1, 'jobs')
    },
  },
  {
    rule: 'P-30',
    title: 'Each request has an id of its own, which ends in no attempt',
    async run(stage) {
      const jobs = await Promise.all(Array.from({ length: 10 }, () => jobOf(stage, {})))
      const ids = jobs.map(({ id }) => id)
      checkEqual(new Set(ids).size, ids.length, 'ids that differ')
      const odd = ids.find((id) => /\.\d+$/.test(id))
      check(odd === undefined, 'no suffix of an attempt', odd)
    },
  },
  ...['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'].map((method): FrontCase => ({
    rule: 'P-12',
    title: `The method is as the client sent it: ${method}`,
    async run(stage) {
      const { request } = await jobOf(stage, { method })
      checkEqual(request['method'], method, 'the method')
    },
  })),
  {
    rule: 'P-12',
    title:
      'The url keeps its query and its percent-encoding; mount and url are the path that was asked',
    async run(stage) {
      const rest = '/a%2Fb%20c/%C3%A9?x=1&y=%zz&&z=%5B'
      const path = stage.path(rest)
      const exchange = stage.send(path)
      const job = await stage.job(path)
      await stage.reply(job, ['answer', job.id, ok])
      await exchange.response
      const { mount = '', url } = job.request
      checkEqual(`${String(mount)}${String(url)}`, path, 'mount and url')
    },
  },
  {
    rule: 'P-12',
    title: 'Names of headers are in lower case, values as they came',
    async run(stage) {
      const job = await jobOf(stage, { headers: { 'X-Own': 'A "b" \\ c', Accept: 'text/x' } })
      const headers = headersOf(job)
      checkEqual(headers['x-own'], 'A "b" \\ c', 'x-own')
      checkEqual(headers['accept'], 'text/x', 'accept')
      check(typeof headers['host'] === 'string', 'host', headers)
    },
  },
  {
    rule: 'P-12',
    title: 'Fields that came several times are joined by a comma, cookies by a semicolon',
    async run(stage) {
      const headers = { 'x-twice': ['a', 'b'], cookie: ['a=1', 'b=2'] }
      const found = headersOf(await jobOf(stage, { headers }))
      checkEqual(found['x-twice'], 'a, b', 'x-twice')
      checkEqual(found['cookie'], 'a=1; b=2', 'cookie')
    },
  },
  {
    rule: 'P-12',
    title: 'Headers of one hop are dropped, and those that Connection names',
    async run(stage) {
      const headers = {
        ...{ connection: 'close, x-named', 'x-named': '1', 'keep-alive': 'timeout=5' },
        ...{ te: 'trailers', 'proxy-connection': 'close', 'x-kept': '1' },
      }
      const found = headersOf(await jobOf(stage, { headers }))
      checkEqual(found['x-kept'], '1', 'x-kept')
      const hop = Object.keys(headers).filter((name) => name !== 'x-kept' && name in found)
      checkEqual(hop, [], 'headers of one hop')
    },
  },
  {
    rule: 'P-12',
    title: 'A body without a length arrives whole, and its transfer-encoding does not',
    async run(stage) {
      const job = await jobOf(stage, { method: 'POST', body: 'in two pieces', chunked: true })
      checkEqual(bytesOf(job)?.toString(), 'in two pieces', 'the body')
      check(!('transfer-encoding' in headersOf(job)), 'no transfer-encoding', headersOf(job))
    },
  },
  {
    rule: 'P-12',
    title: 'Expect: 100-continue is met by the front itself',
    async run(stage) {
      const headers = { expect: '100-continue' }
      const { job, exchange } = await stage.begin({ method: 'POST', headers, body: 'x' })
      await stage.reply(job, ['answer', job.id, ok])
      await exchange.response
      check(!('expect' in headersOf(job)), 'no expect in the job', headersOf(job))
      checkEqual(exchange.interim, [100], 'interim responses')
    },
  },
  {
    rule: 'P-12',
    title: 'A field named __proto__ is dropped',
    async run(stage) {
      const found = headersOf(await jobOf(stage, { headers: { ['__proto__']: 'x', 'x-a': '1' } }))
      check(!Object.hasOwn(found, '__proto__'), 'no such name', found)
    },
  },
  {
    rule: 'P-12',
    title:
      'remote is the address of who is connected, whatever X-Forwarded-For says, which is passed on',
    async run(stage) {
      const job = await jobOf(stage, { headers: { 'x-forwarded-for': '192.0.2.7' } })
      const { remote } = job.request
      check(typeof remote === 'string' && remote !== '192.0.2.7', 'the address of the peer', remote)
      checkEqual(headersOf(job)['x-forwarded-for'], '192.0.2.7', 'x-forwarded-for')
    },
  },
  {
    rule: 'P-12',
    title: 'A request without a body has none in its job',
    async run(stage) {
      const { request } = await jobOf(stage, {})
      check(request['body'] === undefined, 'no body', request['body'])
    },
  },
  ...bodies.map(([what, body, form]): FrontCase => ({
    rule: 'P-20',
    title: `A body arrives byte for byte: ${what}`,
    async run(stage) {
      const job = await jobOf(stage, { method: 'POST', body })
      const found = bytesOf(job)
      check(found?.equals(body) === true, `these ${body.length} bytes`, job.request['body'])
      if (form === 'any') return
      const own = job.encoding === 'msgpack' ? 'bin' : '{"base64": …}'
      const isBin = Buffer.isBuffer(job.request['body'])
      check(isBin === (own === 'bin'), own, job.request['body'])
    },
  })),
]
