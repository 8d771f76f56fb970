/** The adapters of examples/apps/wsgi and rack, with applications that misbehave, settings that cannot be used, and ends that are not in order. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type Launched, type } from '../../launch/test/launched'
import { elementsOf } from '../helpers/json'
import type { TestRedis } from '../helpers/redis'
import { describeAdapters, type RunningAdapter, startAdapter } from './adapter'

const wsgiApp = `
import itertools, sys, time

class Endless:
    def __iter__(self):
        return itertools.repeat(b'')
    def close(self):
        print('CLOSED', flush=True)

def error_page(environ, start_response):
    start_response('200 OK', [('x-a', 'b')])(b'WRITTEN')
    yield b'PARTIAL'
    try:
        raise ValueError('midway')
    except ValueError:
        start_response('500 Oh', [], sys.exc_info())(b'error ')
    yield b'page'

def write_large(environ, start_response):
    write = start_response('200 OK', [])
    for _ in range(33):
        write(bytes(1024 * 1024))
    return []

def write_endless(environ, start_response):
    write = start_response('200 OK', [])
    while True:
        write(b'')

def application(environ, start_response):
    path = environ['PATH_INFO']
    if path == '/hang':
        print('HANGS', flush=True)
        time.sleep(60)
    if path in ('/error_page', '/write_large', '/write_endless'):
        return globals()[path[1:]](environ, start_response)
    start_response('200 OK', [('Set-Cookie', ' a=1 '), ('set-cookie', '\\tb=2')])
    if path == '/endless':
        return Endless()
    return [f"{environ['SERVER_NAME']} {environ['SERVER_PORT']}".encode()]
`
const rackApp = `
class Endless
  def each = loop { yield '' }
  def close = puts('CLOSED')
end

class Streamed
  def call(stream)
    stream << 'a' << :b
    stream.flush
    stream.write('c', 1)
    stream.close_write
  end
end

bodies = {
  '/endless' => Endless.new,
  '/streamed' => Streamed.new,
  '/proc' => proc { |stream| stream.write('yes'); stream.close; stream.close },
  '/open' => proc { |stream| stream << 'left open' },
  '/write_large' => proc { |stream| 33.times { stream.write("\\0" * 1024 * 1024) } },
  '/write_endless' => proc { |stream| loop { stream << '' } },
  '/neither' => 7
}

run(lambda do |env|
  path = env['PATH_INFO']
  if path == '/hang'
    puts 'HANGS'
    sleep 60
  end
  body = bodies[path] || ["#{env['SERVER_NAME']} #{env['SERVER_PORT']}"]
  [200, { 'Set-Cookie' => [' a=1 ', "\\tb=2"] }, body]
end)
`

const queue = 'troubled'

describeAdapters({ wsgi: wsgiApp, rack: rackApp }, (adapter, application) => {
  const { program, app } = adapter
  let running: RunningAdapter
  let redis: TestRedis
  let worker: Launched

  beforeAll(async () => {
    running = await startAdapter(adapter, application, queue)
    redis = running.redis
    worker = running.worker
  })
  afterAll(() => running.end())

  const push = (url: string, more: object = {}): Promise<unknown> => {
    const request = { method: 'GET', url, headers: {}, ...more }
    return redis.cli('RPUSH', queue, JSON.stringify(['url', [request], 'answers', 'a']))
  }
  const reply = async (url: string, more?: object): Promise<unknown[]> => {
    await push(url, more)
    return running.replyAt('answers')
  }
  const metaFor = async (ms: number): Promise<object> => {
    const [seconds, micros] = elementsOf(await redis.cli('TIME')).map(Number)
    const deadline = (seconds ?? 0) * 1000 + (micros ?? 0) / 1000 + ms
    return { v: 1, deadline, attempt: 1, retry: false, epoch: 'e', request_id: 'r' }
  }
  /** That the one thread is free. */
  const works = async (): Promise<void> => {
    expect(await reply('/')).toMatchObject(['answer', 'a', [200, {}, 'localhost 80']])
  }

  test.each([
    ['[::1]:7480', {}, '[::1] 7480'],
    ['[2001:db8::1]', { 'x-forwarded-proto': 'https' }, '[2001:db8::1] 443'],
    ['example.com', {}, 'example.com 80'],
    ['a:b', {}, 'a 80'],
    ['::1', {}, 'localhost 80'],
    ['[', {}, 'localhost 80'],
  ])('is told a name and a number where Host is %j, with %j', async (host, more, said) => {
    const answer = await reply('/', { headers: { host, ...more } })
    expect(answer).toMatchObject(['answer', 'a', [200, expect.anything(), said]])
  })

  test('leaves the blanks around a field behind', async () => {
    const answer = await reply('/')
    expect(answer).toEqual(['answer', 'a', [200, { 'set-cookie': ['a=1', 'b=2'] }, 'localhost 80']])
  })

  test('gives up a response that goes on beyond the deadline of its job, and closes it', async () => {
    for (const url of ['/endless', '/write_endless']) {
      // One whose time is over when it is popped is not begun, and nobody is told.
      const meta = await metaFor(2000)
      expect(await reply(url, { meta })).toMatchObject(['fail', 'a', { code: 'DEADLINE' }])
    }
    await worker.says('CLOSED')
    await works()
  })

  test('fails a response that is too long however it is written', async () => {
    expect(await reply('/write_large')).toMatchObject(['fail', 'a', { code: 'HANDLER_FAILED' }])
    await worker.says('more than 33554432 bytes')
    await works()
  })

  if (app === 'app') {
    test('lets an error page take the place of all that was there before it', async () => {
      expect(await reply('/error_page')).toEqual(['answer', 'a', [500, {}, 'error page']])
    })
  } else {
    test.each([
      ['/streamed', 'abc1'],
      ['/proc', 'yes'],
      ['/open', 'left open'],
    ])('gathers a body that is called: %s', async (url, said) => {
      expect(await reply(url)).toMatchObject(['answer', 'a', [200, expect.anything(), said]])
    })

    test('says what is wrong with a body that is neither', async () => {
      expect(await reply('/neither')).toMatchObject(['fail', 'a', { code: 'HANDLER_FAILED' }])
      await worker.says('a body has each or call, and this Integer has neither')
    })
  }

  test.each([
    ['no application', '', {}, /^Usage: /],
    ['no number', app, { TEMPEST_CONCURRENCY: 'x' }, /^TEMPEST_CONCURRENCY=x cannot be used/],
    ['no thread', app, { TEMPEST_CONCURRENCY: '0' }, /^TEMPEST_CONCURRENCY=0 cannot be used/],
    ['two queues', app, { TEMPEST_QUEUES: 'a,b' }, /^TEMPEST_QUEUES=a,b cannot be used/],
    ['no server', app, { REDIS_URL: 'redis://:secret@' }, /^REDIS_URL is not the URL/],
    ['another', app, { TEMPEST_REDIS_URL: 'http://secret' }, /^TEMPEST_REDIS_URL is not the URL/],
  ])('refuses %s in one sentence', async (_, given, env, sentence) => {
    const refused = type(`cd ${running.folder} && ${program} ${given}`, env)
    expect(await refused.ended).toBe(1)
    expect(refused.output()).toMatch(sentence)
    expect(refused.output().trim().split('\n')).toHaveLength(1)
    expect(refused.output()).not.toContain('secret')
  })

  test('ends at once when it is asked a second time, and what it had in hand is held', async () => {
    await push('/hang')
    await worker.says('HANGS')
    worker.signal('SIGTERM')
    await worker.says('a second signal ends it at once')
    worker.signal('SIGINT')
    expect(await worker.ended).toBe('SIGINT')
    const [held] = elementsOf(await redis.cli('KEYS', `{${queue}}:held:*`))
    expect(await redis.cli('LLEN', String(held))).toBe(1)
    // Its record stays, too, so that somebody looks there.
    expect(await redis.cli('HLEN', 'tempest:nodes')).toBe(1)
  })

  test('takes an empty variable for none, and leaves with a line where Redis is away', async () => {
    const env = { TEMPEST_QUEUES: ' ', TEMPEST_CONCURRENCY: '', TEMPEST_REDIS_URL: redis.url }
    const other = type(`cd ${running.folder} && ${program} ${app}`, env)
    await other.says('works for tempest, 8 at a time')
    await redis.stop()
    other.signal('SIGTERM')
    expect(await other.ended).toBe(0)
    expect(other.output()).toMatch(/^its record stays in Redis: .+$/m)
    expect(other.output()).not.toMatch(/Traceback|^\s+from /m)
  })
})
