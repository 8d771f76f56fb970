/** Where a request goes: the address of the server, and the target it is sent. No request may change the first. */
import { describe, expect, test } from '@jest/globals'
import { readUpstream } from '../src/upstream'
import { targetOf } from '../src/target'
import { failing } from './handle'

describe('an address', () => {
  test.each([
    ['http://127.0.0.1:8000', { host: '127.0.0.1', port: 8000 }, '127.0.0.1:8000'],
    ['http://app/', { host: 'app', port: 80 }, 'app'],
    ['http://[::1]:81', { host: '::1', port: 81 }, '[::1]:81'],
    ['unix:/run/app.sock', { socketPath: '/run/app.sock' }, 'localhost'],
    ['unix:///run/app.sock', { socketPath: '/run/app.sock' }, 'localhost'],
  ])('%s is %j', (to, place, authority) => {
    expect(readUpstream(to)).toMatchObject({ secure: false, place, authority })
  })

  test('of https says what its certificate must name, unless it is a number', () => {
    expect(readUpstream('https://app.example')).toMatchObject({
      ...{ secure: true, place: { host: 'app.example', port: 443 }, servername: 'app.example' },
    })
    expect(readUpstream('https://127.0.0.1').servername).toBeUndefined()
  })

  test('has its credentials for the server, and nowhere else', () => {
    const { authorization, shown, authority } = readUpstream('http://me:p%40ss@app:8000')
    expect(authorization).toBe(`Basic ${Buffer.from('me:p@ss').toString('base64')}`)
    expect([shown, authority]).toEqual(['http://app:8000', 'app:8000'])
  })

  test.each([
    ...['', 'app:8000', 'localhost', 'ftp://me:secret@app', 'http:app', 'http://', 'http://app:0'],
    ...['http://me:secret@app/base', 'http://app/?secret', 'http://app:99999', 'unix:app.sock'],
    'http://me:%secret@app',
  ])('%j is refused in a sentence that does not repeat it', (to) => {
    const read = (): unknown => readUpstream(to)
    expect(read).toThrow(/^to: use http:\/\/host:port/)
    expect(read).not.toThrow('secret')
  })

  test('is text', () => {
    for (const to of [undefined, null, 8000, {}]) expect(() => readUpstream(to)).toThrow(TypeError)
  })
})

describe('a target', () => {
  test.each([
    ['/', '/'],
    ['/a/../b//c?x=/../&y#z', '/a/../b//c?x=/../&y#z'],
    ['//evil.example/path', '//evil.example/path'],
    ['/%2e%2e/%2F', '/%2e%2e/%2F'],
    ['/\\evil.example', '/\\evil.example'],
    ['http://evil.example/a?b', '/a?b'],
    ['HTTPS://evil.example:81', '/'],
    ['http://evil.example?q', '/?q'],
    ['http://evil.example//other/', '//other/'],
  ])('%s is sent as %s', (url, path) => {
    expect(targetOf({ method: 'GET', url }).path).toBe(path)
  })

  test('in absolute form names the host', () => {
    expect(targetOf({ method: 'GET', url: 'http://a.example:8/x' }).authority).toBe('a.example:8')
  })

  test('* is for OPTIONS', () => {
    expect(targetOf({ method: 'OPTIONS', url: '*' }).path).toBe('*')
  })

  test.each([
    ['GET', '', 400],
    ['GET', '*', 400],
    ['GET', 'a', 400],
    ['GET', '?a', 400],
    ['GET', '@evil.example/', 400],
    ['GET', 'http://', 400],
    ['GET', 'http://me@evil.example/', 400],
    ['GET', 'file:///etc/passwd', 400],
    ['CONNECT', 'evil.example:443', 405],
  ])('%s %j is refused', async (method, url, status) => {
    expect(await failing(Promise.resolve().then(() => targetOf({ method, url })))).toBe(status)
  })
})
