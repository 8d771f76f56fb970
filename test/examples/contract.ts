/** What each worker of examples/workers has to do, over HTTP and in Redis. */
import { expect } from '@jest/globals'
import { elementsOf } from '../helpers/json'
import { until } from '../helpers/until'
import type { Post } from './workplace'

export type Checks = Readonly<Record<string, (post: Post) => Promise<void>>>

export const contract: Checks = {
  'says hello, as text': async ({ ask, title }) => {
    const response = await ask('/')
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8')
    expect(await response.text()).toBe(`Hello from ${title}\n`)
    const head = await ask('/', { method: 'HEAD' })
    expect(head.status).toBe(200)
    expect(await head.text()).toBe('')
  },

  'decodes a query, and answers with JSON': async ({ ask }) => {
    const odd = `Jürgen & Ñandú = 100% +1 "q" \\x41 日本 🌧 $HOME 'x' a/b;c`
    for (const given of [odd, 'plain', '']) {
      const response = await ask(`/json?other=1&name=${encodeURIComponent(given)}&more=2`)
      expect(response.status).toBe(200)
      expect(response.headers.get('content-type')).toMatch(/^application\/json/)
      expect(await response.json()).toMatchObject({ method: 'GET', name: given })
    }
  },

  'gives a body back, byte for byte': async ({ ask }) => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, n) => n))
    const text = `\ufeffHällo\r\n\0\u007f\u2028 🌧 {"base64":"x"} \\u0000 $(id) %41\n\n`
    const binary = 'application/octet-stream'
    const bodies: [Buffer, type: string][] = [
      [Buffer.alloc(300_001, bytes), 'image/x-made-up'],
      [Buffer.from(text), 'text/plain; charset=utf-8'],
      [Buffer.alloc(200_000, 'ä'), 'text/plain'],
      [Buffer.from([0xed, 0xa0, 0x80]), binary], // half a pair is no UTF-8
      [Buffer.from([0xf4, 0x90, 0x80, 0x80]), binary],
      [Buffer.from([0xc0, 0x80]), binary],
      [Buffer.from([0]), binary],
      [Buffer.alloc(0), 'text/plain'],
    ]
    for (const [body, type] of bodies) {
      const headers = { 'content-type': type }
      const response = await ask('/echo', { method: 'POST', body: new Uint8Array(body), headers })
      const back = Buffer.from(await response.arrayBuffer())
      expect([response.status, back.length]).toEqual([200, body.length])
      expect(response.headers.get('content-type')).toBe(type)
      expect(back.equals(body)).toBe(true)
    }
  },

  'sets two cookies, as two fields': async ({ ask }) => {
    const response = await ask('/cookies')
    expect(response.status).toBe(200)
    expect(response.headers.getSetCookie()).toEqual(['a=1; Path=/', 'b=2; Path=/'])
  },

  'refuses with a status of its own, and the client sees no more': async ({ ask }) => {
    const response = await ask('/error')
    expect(response.status).toBe(409)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(await response.text()).not.toContain('stock')
  },

  'knows no other path, and no other method': async ({ ask }) => {
    expect((await ask('/elsewhere')).status).toBe(404)
    expect((await ask('/echo')).status).toBe(404)
    expect((await ask('/', { method: 'DELETE' })).status).toBe(404)
    // Whatever its library makes of a target like these, it says so.
    for (const odd of ['//a:b/[?x', '/%', '/json?name=%FF', '/json?name=%', '/slow?ms=x']) {
      expect([200, 400, 404, 500]).toContain((await ask(odd)).status)
    }
  },

  'goes on behind what is no job, or one that fails': async ({ redis, queue, ask, title }) => {
    const [answers, wrong] = [`${queue}-answers`, `${queue}-wrong`]
    const push = (...jobs: (string | Buffer)[]): Promise<unknown> =>
      redis.cli('RPUSH', queue, ...jobs)
    await push('', ' ', 'junk\n', '"abcd"', '7', '[]', '['.repeat(50_000))
    await push('{"a":"b","c":[],"d":"e","f":"g"}', '["add",[2,3],"answers"]', '[[],[],"a","b"]')
    await push('["url",[],null,"a"]', '["url",[null],null,"a"]', '["add",[],5,"a"]')
    await push('["add",[],{},"a"]', '["add",[],"x",[]]', '["a",[],null,"b"] ["c",[],null,"d"]')
    await push(Buffer.from([0xff, 0xfe, 0]), Buffer.from('["a\xff\0",[],null,"a"]\n', 'latin1'))
    const binary = { base64: '*' }
    for (const request of [
      { method: 7, url: [], headers: null, body: 5 },
      { method: 'POST', url: '/echo', headers: {}, body: binary },
    ]) {
      await push(JSON.stringify(['url', [request], null, 'a']))
    }
    await redis.cli('SET', wrong, 'no list')
    await push(JSON.stringify(['add', [], wrong, 'a']))
    const hello = { method: 'GET', url: '/', headers: {} }
    await push(JSON.stringify(['url', [hello], null, 'nobody']))
    await push(JSON.stringify(['add', [2, 3], answers, 7]))
    await push(JSON.stringify(['url', [hello], answers, 'a "quoted" one']))
    const entries = await until(async () => {
      const list = elementsOf(await redis.cli('LRANGE', answers, 0, -1))
      return list.length === 2 && list.map((entry): unknown => JSON.parse(String(entry)))
    }, 20_000)
    expect(entries).toEqual([
      ['fail', '7', expect.objectContaining({ code: 'NO_HANDLER' })],
      ['answer', 'a "quoted" one', [200, expect.anything(), `Hello from ${title}\n`]],
    ])
    expect(await redis.cli('TTL', answers)).toBeGreaterThan(21_000)
    expect((await ask('/')).status).toBe(200)
    expect(await redis.cli('LLEN', queue)).toBe(0)
  },
}
