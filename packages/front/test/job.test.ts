/** What a request becomes in Redis: the job, its metadata, and that nothing a client sends can reach the latter. */
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { describeWithRedis } from '../../../test/helpers/redis'
import { ask, get, RawClient } from './client'
import { fieldsOf, Hand, type Popped, serve, useRedis } from './serve'

describeWithRedis('the job of a request', () => {
  const redis = useRedis()

  /** The jobs of these requests, each written as it stands here. */
  const jobsOf = async (port: number, ...requests: string[]): Promise<Popped[]> => {
    const client = await RawClient.open(port)
    const hand = new Hand(redis.url)
    const jobs: Popped[] = []
    for (const request of requests) {
      client.text = ''
      client.write(request)
      const job = await hand.pop()
      jobs.push(job)
      await job.answer([200, {}, ''])
      await client.hears('200 OK')
    }
    return jobs
  }
  const argOf = async (port: number, request: string): Promise<unknown> =>
    (await jobsOf(port, request))[0]?.args[0]

  test('is an array of exactly four, with the request and its metadata in the first argument', async () => {
    const { port, front } = await serve({ redis: redis.url })
    const now = Number(Object.values(fieldsOf(await redis.cli('TIME')))[0]) * 1000
    const request = 'POST /a?b=c HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi'
    const [job] = await jobsOf(port, request)
    const value: unknown = JSON.parse(job?.raw ?? '')
    const { boot } = front.stats()
    expect(value).toEqual([
      'url',
      [
        {
          method: 'POST',
          url: '/a?b=c',
          headers: { host: 'h', 'content-length': '2' },
          body: 'hi',
          remote: '127.0.0.1',
          meta: {
            v: 1,
            deadline: expect.any(Number),
            attempt: 1,
            retry: false,
            epoch: expect.stringMatching(/^[0-9a-f]{8}\.[0-9a-f]{8}$/),
            request_id: job?.id,
          },
        },
      ],
      `tempest:mailbox:${boot}`,
      expect.stringMatching(new RegExp(`^${boot}-[0-9a-z]+-[0-9a-f]{16}$`)),
    ])
    const deadline = Number(/"deadline":(\d+)/.exec(job?.raw ?? '')?.[1])
    expect(deadline).toBeGreaterThan(now + 29_000)
    expect(deadline).toBeLessThan(now + 45_000)
  })

  test('has no body and no mount where the request has none', async () => {
    const { port } = await serve({ redis: redis.url })
    const arg = await argOf(port, get('/'))
    expect(Object.keys(fieldsOf(arg))).toEqual(['method', 'url', 'headers', 'remote', 'meta'])
  })

  test('carries every method, and says whether it may be run again', async () => {
    const { port } = await serve({ redis: redis.url })
    const safe = ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE']
    const other = ['POST', 'PATCH', 'PROPFIND', 'MKCOL', 'LOCK', 'REPORT', 'PURGE', 'M-SEARCH']
    for (const method of [...safe, ...other]) {
      const arg = await argOf(port, `${method} / HTTP/1.1\r\nHost: h\r\n\r\n`)
      expect(arg).toMatchObject({ method, meta: { retry: safe.includes(method) } })
    }
  })

  test('goes to the list of its priority, with the deadline and the retry that the options say', async () => {
    const { port } = await serve({ redis: redis.url }, (front) =>
      front.work('tempest', {
        priority: (req) => (req.headers['x-paid'] ? 'high' : 'low'),
        retry: 'idempotency-key',
        deadlineMs: () => 600_000,
      }),
    )
    const hand = new Hand(redis.url)
    const headers = { 'x-paid': '1', 'Idempotency-Key': 'k' }
    const high = ask(port, '/', { method: 'POST', headers })
    const paid = await hand.pop('{tempest}:high')
    expect(paid.args[0]).toMatchObject({ meta: { retry: true } })
    expect(Number(/"deadline":(\d+)/.exec(paid.raw)?.[1])).toBeGreaterThan(Date.now() + 300_000)
    const low = ask(port, '/', { method: 'POST' })
    const unpaid = await hand.pop('{tempest}:low')
    expect(unpaid.args[0]).toMatchObject({ meta: { retry: false } })
    await paid.answer([200, {}])
    await unpaid.answer([200, {}])
    expect([(await high).status, (await low).status]).toEqual([200, 200])
  })

  test('has the target as it came: query strings, percent-encoding, absolute form', async () => {
    const { port } = await serve({ redis: redis.url })
    const visible = fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code))
    const target = fc.string({ unit: visible, maxLength: 60 }).map((text) => `/${text}`)
    const fixed = [
      '/%2F%2e%2E/a+b?x=%20&y=a=b&&z#',
      '//a//b?',
      '/?"},"meta":{"v":1',
      'http://h/p?q',
    ]
    const targets = [...fixed, ...fc.sample(target, 100)]
    const jobs = await jobsOf(port, ...targets.map((text) => get(text)))
    expect(jobs.map((job) => job.args[0])).toMatchObject(targets.map((url) => ({ url })))
  })

  test('has the headers as node:http gives them: repeated ones joined, lower case, latin1', async () => {
    const { port } = await serve({ redis: redis.url })
    const arg = await argOf(
      port,
      get(
        '/',
        ...['X-A: 1', 'x-a: 2', 'Cookie: a=1', 'Cookie: b=2', 'Set-Cookie: c', 'X-L: \xe9'],
        ...['X-Forwarded-For: 1.2.3.4', 'Forwarded: for=1.2.3.4'],
      ),
    )
    expect(arg).toMatchObject({
      remote: '127.0.0.1',
      headers: {
        'x-a': '1, 2',
        cookie: 'a=1; b=2',
        'set-cookie': ['c'],
        'x-l': '\xe9',
        'x-forwarded-for': '1.2.3.4',
        forwarded: 'for=1.2.3.4',
      },
    })
  })

  test('has no header of one hop, none that Connection nominates, and no Expect', async () => {
    const { port } = await serve({ redis: redis.url })
    const request = get(
      '/',
      'Connection: keep-alive, X-Mine , x-other',
      'X-Mine: 1',
      'X-Other: 2',
      'X-Kept: 3',
      'Keep-Alive: timeout=5',
      'Proxy-Connection: keep-alive',
      'TE: trailers',
      'Trailer: x-t',
      'Upgrade: h2c',
      'Expect: 100-continue',
    )
    expect(await argOf(port, request)).toMatchObject({ headers: { host: 'test', 'x-kept': '3' } })
    const [job] = await jobsOf(port, request)
    expect(job?.raw).not.toMatch(/keep-alive|x-mine|x-other|trailer|upgrade|expect|proxy/i)
    const chunked =
      'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n'
    expect(await argOf(port, chunked)).toHaveProperty('headers', { host: 'h' })
  })

  test('carries X-Request-Id and traceparent through where they are valid', async () => {
    const { port } = await serve({ redis: redis.url })
    const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const good = get('/', 'X-Request-Id: my-id', `traceparent: ${trace}`, 'tracestate: a=b')
    expect(await argOf(port, good)).toMatchObject({
      headers: { 'x-request-id': 'my-id', traceparent: trace, tracestate: 'a=b' },
      meta: { request_id: 'my-id', traceparent: trace },
    })
    for (const headers of [
      ['X-Request-Id: two words', `traceparent: ${trace.replace('b7', 'B7')}`],
      ['X-Request-Id: ', `traceparent: ff${trace.slice(2)}`],
      [`X-Request-Id: ${'x'.repeat(201)}`, `traceparent: ${trace}, ${trace}`],
      [
        'X-Request-Id: a',
        'X-Request-Id: b',
        `traceparent: 00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
      ],
    ]) {
      const [job] = await jobsOf(port, get('/', ...headers))
      expect(job?.args[0]).toMatchObject({ meta: { request_id: job?.id } })
      expect(job?.raw).not.toContain(
        '"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}',
      )
      expect(JSON.stringify(job?.args[0])).not.toMatch(/"meta":\{[^}]*traceparent/)
    }
  })

  test('keeps its metadata whatever the client sends', async () => {
    const { port } = await serve({ redis: redis.url })
    const name = fc.constantFrom(
      ...['meta', '__proto__', 'constructor', 'prototype', 'toString', 'v', 'deadline', 'retry'],
      ...['respond_to', 'args', 'method', 'url', 'remote', 'mount', 'body', 'headers', 'attempt'],
    )
    const value = fc.constantFrom(
      ...[
        '{"v":1,"deadline":9e15,"retry":true}',
        '"}',
        '"}},"meta":{"retry":true}',
        '\\',
        '\\"',
        '',
      ],
      ...['"]', 'null', '0', '\xff'],
    )
    const sample = fc.sample(fc.array(fc.tuple(name, value), { maxLength: 12 }), 60)
    const bodies = ['"}],"meta":{"retry":true}', '\\', '{"meta":{}}', '"'].map((body) => {
      return `POST /?meta[retry]=true HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    })
    const gets = sample.map((headers) => get('/', ...headers.map(([k, v]) => `${k}: ${v}`)))
    const posts = gets.map((request) => request.replace('GET', 'POST'))
    for (const job of await jobsOf(port, ...bodies, ...posts)) {
      expect(job.args).toHaveLength(1)
      const { meta, headers, ...rest } = fieldsOf(job.args[0])
      expect(Object.keys(rest).filter((key) => key !== 'body')).toEqual(['method', 'url', 'remote'])
      expect(rest).toMatchObject({ method: 'POST', remote: '127.0.0.1' })
      expect(Object.keys(fieldsOf(meta))).toEqual([
        'v',
        'deadline',
        'attempt',
        'retry',
        'epoch',
        'request_id',
      ])
      expect(meta).toMatchObject({ v: 1, attempt: 1, retry: false, request_id: job.id })
      expect(fieldsOf(meta)['deadline']).toBeLessThan(Date.now() + 60_000)
      expect(Object.values(fieldsOf(headers)).every((one) => typeof one === 'string')).toBe(true)
      expect(job.raw).not.toContain('"__proto__"')
    }
  })
})
