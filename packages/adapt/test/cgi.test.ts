/** CGI programs: what they are told, what of their output counts, and how they end. The programs are bash, which every machine here has. */
import { describe, expect, test } from '@jest/globals'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { until } from '../../../test/helpers/until'
import { cgi, type CgiOptions } from '../src'
import { ask, failing, requestOf, start } from './handle'
import { environmentOf } from '../src/cgi/environment'

const bash = (script: string, options?: CgiOptions): ReturnType<typeof cgi> =>
  cgi(['bash', '-c', script], options)
const TYPE = 'Content-Type: text/plain'

describe('a program', () => {
  test('is told of the request by its environment, and has the body as its input', async () => {
    const { body } = await ask(bash(`printf '${TYPE}\\n\\n'; env; cat | od -An -tx1`), {
      ...{ method: 'POST', url: '/a%20b?q=1&r', mount: '/app', body: Buffer.from([0, 255]) },
      headers: { host: 'example.com:81', 'content-type': 'x/y', cookie: 'a=1', 'x-ü': 'x' },
    })
    const lines = body.toString().split('\n')
    for (const line of [
      ...['REQUEST_METHOD=POST', 'QUERY_STRING=q=1&r', 'SCRIPT_NAME=/app', 'PATH_INFO=/a b'],
      ...['REQUEST_URI=/app/a%20b?q=1&r', 'CONTENT_LENGTH=2', 'CONTENT_TYPE=x/y'],
      ...['HTTP_COOKIE=a=1', 'HTTP_HOST=example.com:81', 'SERVER_NAME=example.com'],
      ...['SERVER_PORT=81', 'REMOTE_ADDR=192.0.2.7', 'GATEWAY_INTERFACE=CGI/1.1', ' 00 ff'],
    ])
      expect(lines).toContain(line)
  })

  test('has nothing of our environment, and no variable a client could smuggle in', () => {
    const headers = { proxy: 'http://evil', 'x_forwarded-for': 'x', __proto__x: 'y', path: '/evil' }
    const given = { script: undefined, env: { PATH: '/bin' } }
    const env = environmentOf(requestOf({ headers }), given)
    expect(Object.keys(env).filter((name) => name.startsWith('HTTP_'))).toEqual(['HTTP_PATH'])
    expect(env['PATH']).toBe('/bin')
    expect(env).not.toHaveProperty('HOME')
  })

  test.each([
    ['[::1]:7480', {}, '[::1]', '7480'],
    ['[2001:db8::1]', {}, '[2001:db8::1]', '80'],
    ['example.com', { 'x-forwarded-proto': 'https' }, 'example.com', '443'],
    ['example.com:81', { 'x-forwarded-proto': 'https' }, 'example.com', '81'],
    ...['a:b', 'a:', 'a:1:2', 'a:123456', 'a:1b'].map((host) => [host, {}, 'a', '80'] as const),
    ...['', ':81x', '[', '::1'].map((host) => [host, {}, 'localhost', '80'] as const),
  ])('is told a name and a number where Host is %j, with %j', (host, more, name, port) => {
    const request = requestOf({ headers: { host, ...more } })
    const env = environmentOf(request, { script: undefined, env: {} })
    expect([env['SERVER_NAME'], env['SERVER_PORT']]).toEqual([name, port])
  })

  test('has fields as the bytes they were', async () => {
    const headers = { 'x-a': Buffer.from('ü日').toString('latin1') }
    const { body } = await ask(bash(`printf '${TYPE}\\n\\n'; printf %s "$HTTP_X_A"`), { headers })
    expect(body.toString()).toBe('ü日')
  })

  test.each([
    ['a zero byte in the path', { url: '/%00' }],
    ['a path that is no UTF-8', { url: '/%ff' }],
    ['a zero byte in a header', { headers: { 'x-a': '\0' } }],
  ])('is not run for %s', async (_, given) => {
    expect(await failing(ask(bash('exit 1'), given))).toBe(400)
  })

  test('never gets a word of the request as an argument', async () => {
    const handler = bash(`printf '${TYPE}\\n\\n'; echo "$#"`)
    expect((await ask(handler, { url: '/?-d+allow_url_include=1' })).body.toString()).toBe('0\n')
  })

  test.each(['-', '-s', '-d+a', '%2Ds', '+-x', '%20%09-x', ' -n%3d1'])(
    'is not told of a query that php-cgi would set its own arguments aside for: %s',
    (query) => {
      const given = { script: undefined, env: {} }
      const env = environmentOf(requestOf({ url: `/?${query}`, mount: '/app' }), given)
      expect([env['QUERY_STRING'], env['REQUEST_URI']]).toEqual([`${query}=`, `/app/?${query}`])
    },
  )

  test.each(['', 'a-b', 'a=-', '-a=1', '/-/a', 'a+-b', '=-'])(
    'is told of any other query as it is: %s',
    (query) => {
      const given = { script: undefined, env: {} }
      const env = environmentOf(requestOf({ url: `/?${query}` }), given)
      expect(env['QUERY_STRING']).toBe(query)
    },
  )

  const php = spawnSync('php-cgi', ['-v']).status === 0 ? test : test.skip
  php.each(['', '?a=1', '?-', '?-s', '?+-x', '?%2dq'])(
    'that is php-cgi keeps the settings it was started with: %s',
    async (query) => {
      const dir = mkdtempSync(join(tmpdir(), 'tempest-cgi-'))
      try {
        const script = join(dir, 'setting.php')
        writeFileSync(script, `<?php echo ini_get('error_append_string');`)
        const handler = cgi(['php-cgi', '-d', 'error_append_string=kept'], { script })
        expect((await ask(handler, { url: `/${query}` })).body.toString()).toBe('kept')
      } finally {
        rmSync(dir, { recursive: true })
      }
    },
  )

  test('need not read its input', async () => {
    const body = Buffer.alloc(1024 * 1024)
    const handler = bash(`printf '${TYPE}\\n\\n'; echo hi`)
    expect((await ask(handler, { method: 'POST', body })).body.toString()).toBe('hi\n')
  })
})

describe('its output', () => {
  test('is a head with a status, several fields of one name, and bytes', async () => {
    const head = 'Status: 404 Not Found\\r\\nset-cookie: a=1\\r\\nSet-Cookie: b=2\\r\\n'
    const text = `printf '${head}${TYPE}\\r\\nConnection: close\\r\\n\\r\\n\\0\\377\\n'`
    const { status, headers, body } = await ask(bash(text))
    expect([status, headers]).toEqual([
      404,
      { 'set-cookie': ['a=1', 'b=2'], 'content-type': 'text/plain' },
    ])
    expect(body).toEqual(Buffer.from([0, 255, 10]))
  })

  test('that names a Location without a status redirects', async () => {
    expect(await ask(bash(`printf 'Location: /there\\n\\n'`))).toMatchObject({
      ...{ status: 302, headers: { location: '/there' } },
    })
  })

  test('is read whole where it says its length, and has none for HEAD', async () => {
    const handler = bash(`printf 'Content-Length: 3\\n${TYPE}\\n\\nabc'`)
    expect(await ask(handler)).toMatchObject({ body: Buffer.from('abc'), streamed: false })
    expect(await ask(handler, { method: 'HEAD' })).toMatchObject({ body: Buffer.alloc(0) })
  })

  test.each([
    ['none', 'true'],
    ['no head', 'echo hi'],
    ['half a head', `printf '${TYPE}\\n'`],
    ['a line that is no field', `printf '${TYPE}\\nhi there\\n\\n'`],
    ['a folded line', `printf '${TYPE}\\n more\\n\\n'`],
    ['a carriage return in a field', `printf 'X-A: b\\rX-B: c\\n${TYPE}\\n\\n'`],
    ['a head that says nothing', `printf 'X-A: b\\n\\n'`],
    ['a status that is none', `printf 'Status: ok\\n\\n'`],
    ['a head without end', `yes 'X-A: b'`],
    ['less than its length', `printf 'Content-Length: 10\\n${TYPE}\\n\\nabc'`],
    ['what it had before it failed', 'exit 3'],
  ])('that is %s is 502', async (_, script) => {
    expect(await failing(ask(bash(script)))).toBe(502)
  })

  test.each(['exit 3', 'kill -9 $$'])(
    'that breaks off with %s breaks the body, unless it says that itself',
    async (end) => {
      const broken = await start(bash(`printf '${TYPE}\\n\\nabc'; ${end}`))
      if (!(broken.body instanceof Readable)) throw new Error('it did not come piece by piece')
      await expect(broken.body.toArray()).rejects.toThrow('CGI: it ended with')
      const said = await ask(bash(`printf 'Status: 500\\n${TYPE}\\n\\nabc'; ${end}`))
      expect([said.status, said.body.toString()]).toEqual([500, 'abc'])
    },
  )
})

describe('its end', () => {
  test('comes by force when its time is over, children and all', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'tempest-cgi-'))
    const file = join(dir, 'pids')
    const script = `sleep 60 & echo $$ $! > ${file}; printf '${TYPE}\\n\\nabc'; wait`
    try {
      // Long enough that it has said who they are, whoever stands still.
      await expect(ask(bash(script, { timeoutMs: 2000 }))).rejects.toMatchObject({ status: 504 })
      expect(pidsIn(file)).toHaveLength(2)
      await until(() => pidsIn(file).every((pid) => !isAlive(pid)))
    } finally {
      rmSync(dir, { recursive: true })
    }
  })

  test('comes when nobody waits any more', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'tempest-cgi-'))
    const file = join(dir, 'pids')
    writeFileSync(file, '')
    try {
      const left = new AbortController()
      const waiting = ask(bash(`echo $$ > ${file}; sleep 60`), {}, left.signal)
      const failed = expect(waiting).rejects.toThrow()
      await until(() => pidsIn(file).length > 0)
      left.abort()
      await failed
      await until(() => !isAlive(pidsIn(file)[0] ?? 0))
    } finally {
      rmSync(dir, { recursive: true })
    }
  })

  test('is a 502 where it cannot be started', async () => {
    expect(await failing(ask(cgi(['/nowhere/to/be/found'])))).toBe(502)
  })
})

function pidsIn(file: string): number[] {
  return readFileSync(file, 'utf8').split(/\s+/).filter(Boolean).map(Number)
}

function isAlive(pid: number): boolean {
  try {
    // One that ended and was not yet waited for is there, but dead.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
