/** The adapters of examples/apps/wsgi and rack, with one thread each and jobs that a front would not write: the thread has to be there afterwards. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { findRedis } from '@tempest/launch'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runWorkerCases } from 'tempest-conformance'
import type { Launched } from '../../launch/test/launched'
import { saidOf } from '../../packages/conformance/test/running'
import { elementsOf } from '../helpers/json'
import type { TestRedis } from '../helpers/redis'
import { until } from '../helpers/until'
import { describeAdapters, type RunningAdapter, startAdapter } from './adapter'

const wsgiApp = `
import os, time

class Odd(Exception):
    def __repr__(self):
        raise RuntimeError('not even this')
    __str__ = __repr__

def application(environ, start_response):
    print('CALLED', environ['REQUEST_METHOD'], environ['PATH_INFO'].encode('latin-1'), flush=True)
    if environ['PATH_INFO'] == '/odd':
        raise Odd()
    if environ['PATH_INFO'] == '/exit':
        raise SystemExit(3)
    while environ['PATH_INFO'] == '/gate' and not os.path.exists('open'):
        time.sleep(0.01)
    start_response('200 OK', [])
    return [environ['wsgi.input'].read()]
`
const rackApp = `
class Odd < StandardError
  def message = raise('not even this')
end

run(lambda do |env|
  puts "CALLED #{env['REQUEST_METHOD']} #{env['PATH_INFO'].b.inspect}"
  raise Odd if env['PATH_INFO'] == '/odd'
  exit 3 if env['PATH_INFO'] == '/exit'
  sleep 0.01 while env['PATH_INFO'] == '/gate' && !File.exist?('open')
  [200, {}, [env['rack.input'].read]]
end)
`

/** The application of the kit. */
const kits = {
  'tempest_wsgi.py': ['test/examples/adapted', 'kit'],
  'tempest_rack.rb': ['.', 'test/examples/adapted/kit.ru'],
}

const meta = { v: 1, deadline: 1, attempt: 1, retry: false, epoch: 'e', request_id: 'r' }
const requestOf = (more: object): object => ({ method: 'GET', url: '/', headers: {}, ...more })
const deep = '['.repeat(50_000) + ']'.repeat(50_000)

describeAdapters({ wsgi: wsgiApp, rack: rackApp }, (adapter, application) => {
  let running: RunningAdapter
  let redis: TestRedis
  let worker: Launched
  let before = 0
  const queue = 'adapted'

  beforeAll(async () => {
    running = await startAdapter(adapter, application, queue)
    redis = running.redis
    worker = running.worker
  })
  afterAll(() => running.end())
  beforeEach(() => {
    before = worker.output().length
  })
  afterEach(() => redis.cli('DEL', `{${queue}}:dead`))
  const said = (): string => worker.output().slice(before)

  const push = (...jobs: (string | Buffer | unknown[])[]): Promise<unknown> =>
    redis.cli(
      'RPUSH',
      queue,
      ...jobs.map((job) => (Array.isArray(job) ? JSON.stringify(job) : job)),
    )
  const replyAt = (list: string): Promise<unknown[]> => running.replyAt(list)
  const calls = (path: string): number => said().split(`CALLED ${path}`).length - 1
  /** That the one thread still works, and holds nothing. */
  const stillWorks = async (): Promise<void> => {
    const job = [
      'url',
      [requestOf({ method: 'POST', url: '/alive', body: 'here' })],
      'alive',
      'last',
    ]
    await push(job)
    expect(await replyAt('alive')).toEqual(['answer', 'last', [200, {}, 'here']])
    await until(async () => elementsOf(await redis.cli('KEYS', `{${queue}}:held:*`)).length === 0)
    // All it has said before has been read then, too.
    await until(() => said().includes('/alive'))
  }

  test.each([
    ['text', 'soon'],
    ['a boolean', true],
    ['null', null],
    ['an array', [1]],
  ])('runs a job whose deadline is %s as one without', async (_, deadline) => {
    await push(['url', [requestOf({ meta: { ...meta, deadline } })], 'answers', 'a'])
    expect(await replyAt('answers')).toEqual(['answer', 'a', [200, {}, '']])
    await stillWorks()
  })

  test('counts metadata of another shape as none, and heeds the rest', async () => {
    await push(['url', [requestOf({ url: '/old', meta })], 'answers', 'a'])
    await push(['url', [requestOf({ url: '/bare', meta: { deadline: 1 } })], 'answers', 'b'])
    expect(await replyAt('answers')).toEqual(['answer', 'b', [200, {}, '']])
    await stillWorks()
    expect(said()).not.toContain('/old')
  })

  test('puts what is no job aside, and tells who can be told', async () => {
    const dead = [
      ...['', 'junk', '{"a":1}', '[1]', 'null', '7', deep, `["url",${deep},null,"x"]`],
      ...['["url",[],5,"x"]', '["url",[],"",""]', '["url",[],"{q}:held:x","x"]'],
      ...['["url",[],"answers",null]', '["url",[],"answers",[]]', '["url",[],"\\ud800","x"]'],
      ...['["url",5,"answers","a"]', '[7,[],"answers",7]', '["",[],"answers","c"]'],
      '["answer",[],"answers","d"]',
    ]
    await push(...dead, Buffer.from([0x5b, 0x22, 0xff, 0x22, 0x5d]))
    for (const id of ['a', 7, 'c', 'd']) {
      expect(await replyAt('answers')).toMatchObject(['fail', id, { code: 'BAD_REQUEST' }])
    }
    await stillWorks()
    const kept = elementsOf(await redis.cli('LRANGE', `{${queue}}:dead`, '1', '-1'))
    expect(kept.reverse()).toEqual(dead)
    expect(await redis.cli('EXISTS', 'answers')).toBe(0)
  })

  test.each([
    ['nothing', []],
    ['text', ['x']],
    ['no method', [{ url: '/' }]],
    ['a method that is a number', [requestOf({ method: 7 })]],
    ['a url that is a number', [requestOf({ url: 7 })]],
    ['a url with a character that is no byte', [requestOf({ url: '/日' })]],
    ['headers that are text', [requestOf({ headers: 'x' })]],
    ['a header that is a number', [requestOf({ headers: { 'x-a': 7 } })]],
    ['a body that is a number', [requestOf({ body: 7 })]],
    ['a body whose base64 is none', [requestOf({ body: { base64: '//4' } })]],
    ['a body in the alphabet of urls', [requestOf({ body: { base64: '_w==' } })]],
  ])('refuses a request that is %s, and runs nothing', async (_, args) => {
    await push(['url', args, 'answers', 'a'], ['url', args, null, 'b'])
    expect(await replyAt('answers')).toMatchObject(['fail', 'a', { code: 'BAD_REQUEST' }])
    await stillWorks()
    expect(calls('GET')).toBe(0)
    expect(await redis.cli('EXISTS', `{${queue}}:dead`)).toBe(0)
  })

  test('takes a request that is a method and a url, and its bytes', async () => {
    const url = '/' + Buffer.from('ü').toString('latin1')
    await push(['url', [{ method: 'GET', url }], 'answers', 'a'])
    expect(await replyAt('answers')).toEqual(['answer', 'a', [200, {}, '']])
    await stillWorks()
    expect(said()).toMatch(/\/\\x[cC]3\\x[bB][cC]/)
  })

  test('runs a job that nobody waits for, once, and says nothing', async () => {
    await push(['url', [requestOf({ url: '/push' })], null, ''], ['add', [2, 3], null, 'b'])
    await push(['url', [requestOf({ url: '/odd' })], null, 'c'])
    await stillWorks()
    expect([calls('GET'), said().includes('/push')]).toEqual([2, true])
  })

  test.each(['/odd', '/exit'])('fails a job whose application fails as %s does', async (url) => {
    await push(['url', [requestOf({ url })], 'answers', 'a'])
    expect(await replyAt('answers')).toMatchObject(['fail', 'a', { code: 'HANDLER_FAILED' }])
    await stillWorks()
  })

  test('calls its application once where Redis refuses the reply for good, and goes on', async () => {
    await redis.cli('HSET', 'hash', 'a', 'b')
    await push(['url', [requestOf({ method: 'POST', url: '/pay' })], 'hash', 'a'])
    await stillWorks()
    expect(calls('POST')).toBe(2)
  })

  test('goes on where what is no job cannot be kept', async () => {
    await redis.cli('SET', `{${queue}}:dead`, 'x')
    await push('junk', '["url",5,"answers","a"]')
    expect(await replyAt('answers')).toMatchObject(['fail', 'a', { code: 'BAD_REQUEST' }])
    await stillWorks()
  })

  test('calls its application once where Redis refuses the reply for a while', async () => {
    await push(['url', [requestOf({ method: 'POST', url: '/gate' })], 'answers', 'a'])
    await until(() => said().includes('/gate'))
    await redis.cli('CONFIG', 'SET', 'maxmemory', '1')
    writeFileSync(join(running.folder, 'open'), '')
    // As the thread tells it: what beats says it otherwise.
    await until(() => /Error\(.*maxmemory|CommandError: OOM/.test(said()))
    await redis.cli('CONFIG', 'SET', 'maxmemory', '0')
    expect(await replyAt('answers')).toEqual(['answer', 'a', [200, {}, '']])
    await stillWorks()
    expect(calls('POST')).toBe(2)
  })

  test('breaks no rule of the kit, but that its application cannot say fail', async () => {
    const server = await findRedis()
    const [folder, app] = kits[adapter.name]
    const line = `cd ${folder} && ${adapter.program} ${app}`
    const report = await runWorkerCases({
      ...{ command: ['sh', '-c', line], redisServer: server?.command, level: 'safe', app: true },
    })
    expect(saidOf(report)).toEqual([expect.stringContaining('P-42')])
    expect(report.advice).toBe(0)
    expect(report.passed).toBeGreaterThan(90)
  })
})
