/** What goes wrong, as a client sees it: the right status, Retry-After, problem+json or text, and never anything of the inside. */
import { expect, test } from '@jest/globals'
import type { WorkOptions } from '@tempest/front'
import { HttpError } from '@tempest/worker'
import { describeWithRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import { type Answer, ask, get, problemOf, RawClient, responsesIn } from './client'
import { fieldsOf, Hand, serve, type Served, work, useRedis } from './serve'

const SECRET = 'SECRET'

describeWithRedis('an error', () => {
  const redis = useRedis()

  const start = (options: WorkOptions = {}): Promise<Served> =>
    serve({ redis: redis.url }, (front) => front.work('tempest', options))
  const retryAfter = (answer: Answer): number => Number(answer.headers['retry-after'])
  /** Nothing that tells what this is made of. */
  const inside =
    /redis|queue|tempest|mailbox|worker\b.*\bjob|max[A-Z]|node:|node_modules|\.ts\b|\bat /i

  test('is problem+json with exactly these fields', async () => {
    const { port } = await start({ deadlineMs: 30 })
    const answer = await ask(port, '/secret?token=1')
    expect(answer.status).toBe(504)
    expect(answer.reason).toBe('Gateway Timeout')
    expect(problemOf(answer)).toEqual({
      type: 'about:blank',
      title: 'Gateway Timeout',
      status: 504,
      detail: 'No answer in time',
      code: 'DEADLINE',
      request_id: answer.headers['x-request-id'],
    })
    expect(answer.headers).toMatchObject({
      'content-type': 'application/problem+json',
      'content-length': String(answer.body.length),
      'cache-control': 'no-store',
    })
    expect(answer.headers).not.toHaveProperty('retry-after')
  })

  test.each([
    [undefined, 'application/problem+json'],
    ['*/*', 'application/problem+json'],
    ['application/json', 'application/problem+json'],
    ['application/problem+json', 'application/problem+json'],
    ['application/*', 'application/problem+json'],
    ['image/png', 'application/problem+json'],
    ['text/plain', 'text/plain; charset=utf-8'],
    ['text/html', 'text/plain; charset=utf-8'],
    ['text/*;q=0.5', 'text/plain; charset=utf-8'],
    ['text/plain;q=0.1, application/json', 'application/problem+json'],
    ['text/plain, application/json;q=0.1', 'text/plain; charset=utf-8'],
    [
      'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8',
      'text/plain; charset=utf-8',
    ],
    [';;q=,,/', 'application/problem+json'],
    ['', 'application/problem+json'],
  ])('to Accept %j is %s', async (accept, type) => {
    const { port } = await start({ deadlineMs: 1 })
    const answer = await ask(port, '/', accept === undefined ? {} : { headers: { accept } })
    expect(answer.headers['content-type']).toBe(type)
    if (type.startsWith('text'))
      expect(answer.text).toBe('504 Gateway Timeout: No answer in time\n')
    else expect(problemOf(answer)).toMatchObject({ status: 504 })
  })

  test('to HEAD has no body, and the connection goes on', async () => {
    const { port } = await start({ deadlineMs: (req) => (req.url === '/slow' ? 1 : 30_000) })
    const client = await RawClient.open(port)
    client.write(get('/slow').replace('GET', 'HEAD'))
    await client.hears('\r\n\r\n')
    expect(client.text).toMatch(/^HTTP\/1\.1 504 /)
    await work(redis.url, () => 'next')
    client.write(get('/'))
    await client.hears(/\r\n\r\nHTTP\/1\.1 200 OK[^]*next$/)
  })

  test('of a handler is 500, its own status, or 501 where nobody handles it; never more', async () => {
    const { port } = await start()
    const worker = await work(redis.url, ({ url }) => {
      if (url === '/410') throw new HttpError(410, SECRET)
      if (url === '/503') throw new HttpError(503, SECRET)
      if (url === '/shape') return { status: 7 }
      throw new Error(SECRET)
    })
    const statuses: [string, number, string][] = [
      ['/', 500, 'HANDLER_FAILED'],
      ['/410', 410, 'HTTP_ERROR'],
      ['/503', 503, 'HTTP_ERROR'],
      ['/shape', 500, 'HANDLER_FAILED'],
    ]
    for (const [path, status, code] of statuses) {
      const answer = await ask(port, path)
      expect(problemOf(answer)).toMatchObject({ status, code })
      expect(answer.status).toBe(status)
      expect(answer.headers).not.toHaveProperty('retry-after')
      expect(JSON.stringify(answer)).not.toContain(SECRET)
      expect(answer.text).not.toMatch(inside)
    }
    await worker.stop()
    const answer = ask(port)
    const job = await new Hand(redis.url).pop()
    await job.push(JSON.stringify(['fail', job.id, { code: 'NO_HANDLER', message: SECRET }]))
    expect((await answer).status).toBe(501)
  })

  test('at the deadline is 504, and tells the workers that nobody waits', async () => {
    const { port, front } = await start({ deadlineMs: 60 })
    const listener = redis.client()
    await listener.subscribe('{tempest}:cancel')
    // Of a request that is over before Redis is there nothing is pushed.
    await until(() => front.stats().connected)
    const cancel = new Promise<string>((resolve) =>
      listener.on('message', (_, text) => resolve(text)),
    )
    const answer = ask(port)
    const job = await new Hand(redis.url).pop()
    const { ids, until: forget } = fieldsOf(JSON.parse(await cancel))
    expect(ids).toEqual([job.id])
    const { deadline } = fieldsOf(fieldsOf(job.args[0])['meta'])
    expect(forget).toBeGreaterThanOrEqual(Number(deadline))
    expect((await answer).status).toBe(504)
    expect(front.stats()).toMatchObject({ inFlight: 0, errors: { DEADLINE: 1 } })
  })

  test('at the deadline aborts the signal of a running job', async () => {
    // A job that is popped after its deadline does not run.
    const { port } = await start({ deadlineMs: 2000 })
    let aborted: unknown
    await work(redis.url, async (_request, job) => {
      await new Promise((resolve) => job.signal.addEventListener('abort', resolve))
      aborted = job.signal.reason
      return ''
    })
    expect((await ask(port)).status).toBe(504)
    await until(() => aborted)
  })

  test('with maxInFlight requests open is 503 with Retry-After, at once and without a job', async () => {
    const { port, front } = await serve({ redis: redis.url, maxInFlight: 2 })
    const hand = new Hand(redis.url)
    const open = [ask(port), ask(port)]
    const jobs = [await hand.pop(), await hand.pop()]
    for (const question of [{}, { method: 'POST', body: 'x' }, { method: 'HEAD' }]) {
      const refused = await ask(port, '/', question)
      expect(refused.status).toBe(503)
      expect(retryAfter(refused)).toBeGreaterThanOrEqual(1)
      expect(retryAfter(refused)).toBeLessThanOrEqual(60)
      expect(refused.headers['x-request-id']).toMatch(/^[\x21-\x7e]+$/)
      expect(refused.text).not.toMatch(inside)
    }
    expect(await redis.cli('LLEN', 'tempest')).toBe(0)
    expect(front.stats()).toMatchObject({ inFlight: 2, errors: { IN_FLIGHT_FULL: 3 } })
    for (const job of jobs) await job.answer([200, {}, 'ok'])
    for (const answer of open) expect((await answer).text).toBe('ok')
    hand.answerAll(() => [200, {}, 'again'])
    expect((await ask(port)).text).toBe('again')
  })

  test('that refuses a request without a body keeps the connection and what is pipelined behind', async () => {
    const { port } = await serve({ redis: redis.url, maxInFlight: 1 })
    const hand = new Hand(redis.url)
    const open = ask(port)
    const job = await hand.pop()
    const client = await RawClient.open(port)
    client.write(get('/') + get('/'))
    await until(() => responsesIn(client.text).length === 2)
    expect(client.text).not.toMatch(/connection: close/i)
    await job.answer([200, {}])
    await open
    hand.answerAll(() => [200, {}, 'again'])
    client.write(get('/'))
    await client.hears('again')
  })

  test('with maxBacklog jobs waiting is 503 with Retry-After, until they are drained', async () => {
    const { port } = await start({ maxBacklog: 3 })
    await redis.cli('RPUSH', '{tempest}:low', 'from elsewhere')
    const waiting = [ask(port), ask(port), ask(port)]
    await until(async () => (await redis.cli('LLEN', 'tempest')) === 3)
    await until(async () => (await redis.cli('LLEN', '{tempest}:low')) === 1)
    const refused = await until(async () => {
      const answer = await ask(port)
      return answer.status === 503 && answer
    })
    expect(problemOf(refused)).toMatchObject({ code: 'BACKLOG_FULL' })
    expect(retryAfter(refused)).toBeGreaterThanOrEqual(1)
    expect(retryAfter(refused)).toBeLessThanOrEqual(60)
    expect(refused.text).not.toMatch(inside)
    expect(await redis.cli('LLEN', 'tempest')).toBe(3)
    await redis.cli('DEL', '{tempest}:low')
    await work(redis.url, () => 'drained')
    for (const answer of waiting) expect((await answer).text).toBe('drained')
    await until(async () => (await ask(port)).text === 'drained')
  })

  test('of a queue that holds something else is 503', async () => {
    const { port } = await start()
    await redis.cli('SET', 'tempest', 'a string')
    const answer = await ask(port)
    expect([answer.status, problemOf(answer)]).toMatchObject([503, { code: 'REDIS_REFUSED' }])
    expect(answer.text.replace('REDIS_REFUSED', '')).not.toMatch(inside)
    expect(answer.text).not.toContain('WRONGTYPE')
    await redis.cli('DEL', 'tempest')
    await work(redis.url, () => 'ok')
    expect((await ask(port)).text).toBe('ok')
  })
})
