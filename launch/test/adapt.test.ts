/** `npm run adapt`: what it is told, what it says, and an application behind it from start to end. */
import { afterEach, describe, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { describeWithRedis, startTestRedis, type TestRedis } from '../../test/helpers/redis'
import { until } from '../../test/helpers/until'
import { readAdapter } from '../src/adapt-options'
import { endAll, freePort, launch } from './launched'

const logger = { warn: () => undefined }
const read = (...args: string[]): ReturnType<typeof readAdapter> =>
  readAdapter(args, __dirname, logger)

describe('the command line', () => {
  test('names a server, queues and a number', () => {
    const to = 'http://me:secret@127.0.0.1:8000'
    expect(read('--to', to, '--queue', 'a, b,a', '--concurrency', '8')).toEqual({
      handler: expect.any(Function),
      shown: 'http://127.0.0.1:8000',
      queues: ['a', 'b'],
      concurrency: 8,
    })
  })

  test('names a program, whose script is looked for where the person is', () => {
    const { shown, queues } = read('--cgi', 'sh -e', '--script', 'adapt.test.ts')
    expect([shown, queues]).toEqual([`sh -e ${__filename}`, undefined])
    expect(read(`--cgi=${process.execPath}`).shown).toBe(process.execPath)
  })

  test('need not name the server where others can read it', () => {
    const to = 'http://me:secret@app'
    expect(readAdapter([], __dirname, logger, to).shown).toBe('http://app')
    expect(readAdapter(['--cgi', 'sh'], __dirname, logger, to).shown).toBe('sh')
  })

  test.each([
    [['--to', 'app:8000'], /^--to: use http:\/\/host:port/],
    [['--to', 'http://me:secret@app/path'], /^--to: use .* without a path/],
    [['--to', 'http://app', '--host', 'x'], /^--host: use 'client', 'upstream'\.$/],
    [['--to', 'http://app', '--forwarded', 'x'], /^--forwarded: use/],
    [['--to', 'http://app', '--script', 'x'], /^--script is for --cgi/],
    [['--to', 'http://app', '--queue', 'a:b'], /^--queue cannot be used: /],
    [['--to', 'http://app', '--concurrency', '0'], /^--concurrency 0 cannot be used/],
    [['--to', 'http://app', '--timeout-ms', '1e3'], /^--timeout-ms 1e3 cannot be used/],
    [['--cgi', 'sh', '--keep-mount'], /^--host, --forwarded and --keep-mount are for --to/],
    [['--cgi', 'no-such-program'], /^--cgi no-such-program: there is no such program\.$/],
    [['--cgi', ''], /^--cgi : there is no such program/],
    [['--cgi', './nothing'], /there is no such program/],
    [['--cgi', 'sh', '--script', 'nothing.php'], /^--script nothing\.php: there is no such file/],
    [['--to'], /^Option '--to <value>' argument missing/],
    [['--too', 'x'], /^Unknown option '--too'/],
    [['http://me:secret@app'], /^Everything is said by an option/],
    [['--to', 'http://app', '--cgi', 'sh'], /^--to or --cgi: one of them/],
    [[], /^--to or --cgi: one of them is needed\.\nUsage: npm run adapt/],
  ])('%j is refused in a sentence that names what is wrong', (args, sentence) => {
    expect(() => read(...args)).toThrow(expect.objectContaining({ name: 'Refusal' }))
    expect(() => read(...args)).toThrow(sentence)
    expect(() => read(...args)).not.toThrow('secret')
  })
})

test('asked for help it says how it is used, and needs nothing for that', async () => {
  const adapter = launch('adapt', {}, ['--help'])
  expect(await adapter.ended).toBe(0)
  expect(adapter.output()).toMatch(/^Usage: npm run adapt -- --to /m)
})

test('without a Redis it says how to get one', async () => {
  const adapter = launch('adapt', {}, ['--to', 'http://127.0.0.1:1'])
  expect(await adapter.ended).toBe(1)
  expect(adapter.output()).toMatch(/^npm run adapt needs a Redis: set TEMPEST_REDIS_URL/m)
})

describeWithRedis('an adapter', () => {
  let redis: TestRedis | undefined
  afterEach(async () => {
    await endAll()
    await redis?.stop()
  })

  test('serves from a queue, says whom, and lets what runs finish when it is asked to end', async () => {
    redis = await startTestRedis()
    const env = { TEMPEST_REDIS_URL: redis.url, PORT: '0', TEMPEST_QUEUES: 'apps' }
    const front = launch('front', env)
    const answers: (() => void)[] = []
    const port = await open((req, res) => {
      if (req.url === '/slow') answers.push(() => res.end('done'))
      else res.end(`${req.url} for ${req.headers.host}`)
    })
    const to = `http://me:secret@127.0.0.1:${port}`
    const adapter = launch('adapt', env, ['--to', to, '--concurrency', '7'])
    await adapter.says(
      new RegExp(
        `Adapter \\d+, queue apps, 7 jobs at a time, for http://127.0.0.1:${port}, Redis redis://\\S+\\. Ctrl-C ends it\\.`,
      ),
    )
    await front.says('Ctrl-C ends it')
    const url = /http:\/\/localhost:\d+/.exec(front.output())?.[0] ?? ''
    expect(await (await fetch(`${url}/a?b`)).text()).toBe(`/a?b for ${url.slice(7)}`)
    const slow = fetch(`${url}/slow`)
    await until(() => answers.length > 0)
    adapter.signal('SIGTERM')
    answers[0]?.()
    expect(await (await slow).text()).toBe('done')
    expect(await adapter.ended).toBe(0)
    expect(adapter.output()).not.toContain('secret')
  })

  test('answers 502 while its server is away, and says why', async () => {
    redis = await startTestRedis()
    const env = { TEMPEST_REDIS_URL: redis.url, PORT: '0' }
    const front = launch('front', env)
    const adapter = launch('adapt', env, ['--to', `http://127.0.0.1:${await freePort()}`])
    await Promise.all([front, adapter].map((each) => each.says('Ctrl-C ends it')))
    const url = /http:\/\/localhost:\d+/.exec(front.output())?.[0] ?? ''
    expect((await fetch(url)).status).toBe(502)
    await adapter.says('ECONNREFUSED')
  })
})

async function open(app: RequestListener): Promise<number> {
  const server = createServer(app).listen(0, '127.0.0.1').unref()
  await once(server, 'listening')
  const address = server.address()
  return typeof address === 'object' && address ? address.port : 0
}
