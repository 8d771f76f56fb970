/** examples/apps: applications as they are, run as workers before a real front, and asked what any client asks. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { spawnSync } from 'node:child_process'
import { request } from 'node:http'
import { freePort, type Launched, type } from '../../launch/test/launched'
import { elementsOf } from '../helpers/json'
import { describeWithRedis, startTestRedis, type TestRedis } from '../helpers/redis'
import { until } from '../helpers/until'

const adapt = 'exec node launch/dist/adapt.js'
const wsgi = 'cd examples/apps/wsgi && exec /usr/bin/python3 tempest_wsgi.py'

interface App {
  /** What a person types; $PORT is a free one. */
  line: string
  /** What a machine may lack, by a command that tells. */
  needs: string
  says: string
}

const apps: Record<string, App> = {
  flask: {
    line: `${wsgi} flask_app:app`,
    needs: `/usr/bin/python3 -c 'import redis, flask'`,
    says: 'works for flask',
  },
  django: {
    line: `${wsgi} django_app:application`,
    needs: `/usr/bin/python3 -c 'import redis, django'`,
    says: 'works for django',
  },
  sinatra: {
    line: 'cd examples/apps/rack && APP_ENV=production exec ruby tempest_rack.rb config.ru',
    needs: `ruby -e 'require "redis"; require "sinatra/base"'`,
    says: 'works for sinatra',
  },
  php: {
    line: `${adapt} --cgi 'php-cgi -d display_errors=0' --script examples/apps/php/hello.php`,
    needs: 'command -v php-cgi',
    says: 'Ctrl-C ends it',
  },
  express: {
    line: 'exec node examples/apps/node/worker.mjs',
    needs: 'true',
    says: 'works for express',
  },
  http: {
    line: `cd examples/apps && /usr/bin/python3 -m http.server --bind 127.0.0.1 $PORT & ${adapt} --to http://127.0.0.1:$PORT`,
    needs: 'test -x /usr/bin/python3',
    says: 'Ctrl-C ends it',
  },
}

const lacks = (name: string): boolean =>
  process.env.CI !== 'true' && spawnSync('sh', ['-c', apps[name]?.needs ?? '']).status !== 0
const missing = new Set(Object.keys(apps).filter(lacks))

describeWithRedis('an application as it is', () => {
  let redis: TestRedis
  let url: string
  const running = new Map<string, Launched>()

  beforeAll(async () => {
    redis = await startTestRedis()
    const env = { TEMPEST_REDIS_URL: redis.url }
    const names = Object.keys(apps)
    const queues = ['nobody', ...names].join(',')
    const front = type('exec node launch/dist/front.js', {
      ...{ ...env, PORT: '0', TEMPEST_QUEUES: queues, TEMPEST_SUB: 'off' },
    })
    running.set('', front)
    for (const name of names.filter((each) => !missing.has(each))) {
      const given = { TEMPEST_QUEUES: name, TEMPEST_CONCURRENCY: '4', PORT: '' }
      if (name === 'http') given.PORT = String(await freePort())
      running.set(name, type(apps[name]?.line ?? '', { ...env, ...given }))
    }
    await front.says('Ctrl-C ends it')
    url = /http:\/\/localhost:\d+/.exec(front.output())?.[0] ?? ''
    // One after the other: each has its time, on a machine that is busy starting all of them.
    for (const [name, each] of running) await each.says(apps[name]?.says ?? 'Front')
  }, 60_000)

  afterAll(async () => {
    for (const each of running.values()) each.signal('SIGKILL')
    await Promise.all([...running.values()].map(({ ended }) => ended))
    await redis.stop()
  })

  const describeApp = (name: string, suite: (to: (path: string) => string) => void): void => {
    const title = missing.has(name)
      ? `${name} (skipped: this fails here: ${apps[name]?.needs ?? ''})`
      : name
    const run = missing.has(name) ? describe.skip : describe
    run(title, () => suite((path) => `${url}/${name}${path}`))
  }

  describe.each([
    ['flask', 'Flask'],
    ['django', 'Django'],
    ['sinatra', 'Sinatra'],
    ['php', 'PHP'],
    ['express', 'Express'],
  ])('of', (name, says) => {
    describeApp(name, (to) => {
      test('answers a query, many at once', async () => {
        const names = ['böb', '日本', 'a+b&c', ...Array.from({ length: 8 }, String)]
        await Promise.all(
          names.map(async (each) => {
            const response = await fetch(to(`/hello?name=${encodeURIComponent(each)}`))
            expect(response.status).toBe(200)
            expect(await response.text()).toBe(`Hello ${each} from ${says}\n`)
          }),
        )
      })

      test('takes a form', async () => {
        const body = new URLSearchParams({ a: '1', name: 'böb & co' })
        const response = await fetch(to('/form'), { method: 'POST', body })
        expect(response.status).toBe(201)
        expect(await response.json()).toEqual({ a: '1', name: 'böb & co' })
      })

      test('takes and gives bytes, large ones too', async () => {
        const body = Buffer.from(
          Array.from({ length: 300_000 }, (_, n) => (n * 7 + (n >> 8)) & 255),
        )
        const headers = { 'content-type': 'application/octet-stream' }
        for (const bytes of [body, body.subarray(0, 256), Buffer.alloc(0)]) {
          const response = await fetch(to('/bytes'), { method: 'POST', headers, body: bytes })
          expect(response.status).toBe(200)
          expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true)
        }
      })

      test('reads a cookie and sets two', async () => {
        const response = await fetch(to('/cookies'), { headers: { cookie: 'x=1; visit=7; y=2' } })
        expect(await response.text()).toBe('7\n')
        const cookies = response.headers.getSetCookie().sort()
        expect(cookies).toEqual([
          expect.stringMatching(/^theme=dark/),
          expect.stringMatching(/^visit=1;.*HttpOnly/i),
        ])
      })

      test('redirects its client, not its worker', async () => {
        const response = await fetch(to('/old'), { redirect: 'manual' })
        expect([302, 303]).toContain(response.status)
        const location = new URL(response.headers.get('location') ?? '', url)
        expect([location.origin, location.pathname]).toEqual([url, '/hello'])
      })

      test('does not know every url, and keeps its secrets when it fails', async () => {
        expect((await fetch(to('/nowhere'))).status).toBe(404)
        const response = await fetch(to('/fails'))
        expect(response.status).toBe(500)
        expect(await response.text()).not.toMatch(/secret|Traceback|examples|\.(py|rb|php|mjs)\b/)
      })

      test('is not reached by jobs that are none', async () => {
        const requests = ['[]', '["x"]', '[null]', '[{"method":"GET"}]', '[{"url":7}]']
        const jobs = requests.map((args) => `["url",${args},"answers","a"]`)
        jobs.push('junk', '["add",[2,3],null,"b"]', '["add",[2,3],"answers","b"]', '{"a":1}', '[1]')
        await redis.cli('RPUSH', name, ...jobs, Buffer.from([0x5b, 0x22, 0xff, 0x22, 0x5d]))
        // One by one: whoever met one of them is asked, too.
        for (let n = 0; n < 12; n++) expect((await fetch(to('/hello'))).status).toBe(200)
        await until(async () => (await redis.cli('LLEN', name)) === 0)
      })

      test('answers HEAD without a body', async () => {
        const response = await fetch(to('/hello'), { method: 'HEAD' })
        expect([response.status, await response.text()]).toEqual([200, ''])
      })

      test('is asked for what the client asked for, however odd', async () => {
        // A URL would be mended by fetch.
        for (const path of ['//evil.example/hello', '/%2e%2e/%2e%2e/etc/passwd', '/hello%00']) {
          expect(await statusOf(url, `/${name}${path}`)).toBeGreaterThanOrEqual(400)
        }
        expect(await statusOf(url, `/${name}/hello`)).toBe(200)
      })
    })
  })

  for (const name of ['flask', 'sinatra']) {
    describeApp(name, (to) => {
      test('is answered by another worker where one was killed with the request in hand', async () => {
        const worker = running.get(name)
        const held = async (): Promise<number> =>
          elementsOf(await redis.cli('KEYS', `{${name}}:held:*`)).length
        await until(async () => (await held()) === 0)
        for (let isHeld = false; !isHeld;) {
          worker?.signal('SIGSTOP')
          // Redis gives it to one that still stands in line, which they do for a second.
          const answer = fetch(to('/hello'))
          await until(async () => (await held()) + Number(await redis.cli('LLEN', name)) === 1)
          isHeld = (await held()) === 1
          worker?.signal(isHeld ? 'SIGKILL' : 'SIGCONT')
          const env = { TEMPEST_REDIS_URL: redis.url, TEMPEST_QUEUES: name }
          if (isHeld) running.set(name, type(apps[name]?.line ?? '', env))
          expect((await answer).status).toBe(200)
        }
      })

      test('is let finish by SIGTERM, and leaves nothing behind', async () => {
        const worker = running.get(name)
        await fetch(to('/hello'))
        worker?.signal('SIGTERM')
        expect(await worker?.ended).toBe(0)
        expect(await redis.cli('EXISTS', `{${name}}:workers`)).toBe(0)
        expect(await redis.cli('LLEN', name)).toBe(0)
      })
    })
  }

  describeApp('http', (to) => {
    test('serves its files, and HEAD', async () => {
      const response = await fetch(to('/php/hello.php?x=1'))
      expect(response.status).toBe(200)
      expect(await response.text()).toContain('knows nothing of Tempest')
      const head = await fetch(to('/php/hello.php'), { method: 'HEAD' })
      expect([head.status, head.headers.get('content-length')]).toEqual([
        200,
        response.headers.get('content-length'),
      ])
    })

    test('has its errors and redirects passed on', async () => {
      expect((await fetch(to('/nowhere'))).status).toBe(404)
      expect((await fetch(to('/php/hello.php'), { method: 'POST', body: 'x' })).status).toBe(501)
      const moved = await fetch(to('/php'), { redirect: 'manual' })
      expect([moved.status, moved.headers.get('location')]).toEqual([301, '/php/'])
    })
  })
})

function statusOf(url: string, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(`${url}/`, { path, agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    sent.on('error', reject)
    sent.end()
  })
}
