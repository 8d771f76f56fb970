/** Tokens say which channels their bearer may read. */
import { describe, expect, test } from '@jest/globals'
import { SignJWT } from 'jose'
import { generateKeyPairSync } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import { jwtAuthorize, jwtAuthorizePublish, type JwtOptions } from '../../src/jwt'
import { listen } from '../serve'

const secret = 'a secret of thirty-two bytes or more'
const inAnHour = Math.floor(Date.now() / 1000) + 3600

const sign = (claims: Record<string, unknown>, key = secret, alg = 'HS256'): Promise<string> =>
  new SignJWT({ exp: inAnHour, ...claims }).setProtectedHeader({ alg }).sign(Buffer.from(key))
const request = (headers: Record<string, string>, url = '/a'): IncomingMessage =>
  ({ headers, url }) as unknown as IncomingMessage
const bearer = (token: string): IncomingMessage => request({ authorization: `Bearer ${token}` })

describe('jwtAuthorize', () => {
  const authorize = jwtAuthorize({ key: secret, cookie: 'session' })

  test('lets through what a pattern of the token matches, until it expires', async () => {
    const req = bearer(await sign({ channels: ['news', 'room:*', '*.log', 'a*b*c'] }))
    const allowed = { expiresAt: inAnHour * 1000 }
    for (const name of ['news', 'room:1', 'room:', 'x.log', 'abc', 'axxbxxc']) {
      expect([name, await authorize(req, name)]).toEqual([name, allowed])
    }
    for (const name of ['newsx', 'xnews', 'roo', 'log', 'ab', 'ac', 'acb', '']) {
      expect([name, await authorize(req, name)]).toEqual([name, false])
    }
  })

  test('finds it in the header, a cookie or the query', async () => {
    const token = await sign({ channels: ['a'] })
    for (const req of [
      bearer(token),
      request({ cookie: `x=1; session=${token}; y=2` }),
      request({}, `/a?access_token=${token}`),
    ]) {
      expect(await authorize(req, 'a')).toEqual({ expiresAt: inAnHour * 1000 })
    }
    const elsewhere = jwtAuthorize({ key: secret, query: false })
    expect(await elsewhere(request({}, `/a?access_token=${token}`), 'a')).toBe(false)
    expect(await elsewhere(request({ cookie: `session=${token}` }), 'a')).toBe(false)
  })

  test('refuses no token, and any that is not valid', async () => {
    const none = Buffer.from('{"alg":"none"}').toString('base64url')
    const body = Buffer.from(JSON.stringify({ channels: ['*'] })).toString('base64url')
    const tokens = [
      await sign({ channels: ['*'] }, 'another secret of thirty-two bytes'),
      await sign({ channels: ['*'], exp: 1 }),
      await sign({ channels: ['*'], nbf: inAnHour }),
      await sign({ channels: ['*'] }, secret, 'HS512'),
      await sign({ channels: '*' }),
      await sign({ channels: [1] }),
      await sign({}),
      `${none}.${body}.`,
      'rubbish',
      'a.b.c',
      'x'.repeat(20_000),
    ]
    for (const token of tokens) expect(await authorize(bearer(token), 'a')).toBe(false)
    expect(await authorize(request({}), 'a')).toBe(false)
  })

  test('asks for issuer and audience where they are given, and for another claim', async () => {
    const strict = jwtAuthorize({ key: secret, issuer: 'me', audience: 'you', claim: 'may' })
    expect(
      await strict(bearer(await sign({ may: ['a'], iss: 'me', aud: 'you' })), 'a'),
    ).toBeTruthy()
    expect(await strict(bearer(await sign({ may: ['a'], iss: 'me' })), 'a')).toBe(false)
    expect(await strict(bearer(await sign({ may: ['a'], iss: 'x', aud: 'you' })), 'a')).toBe(false)
    const publish = jwtAuthorizePublish({ key: secret, claim: undefined })
    expect(await publish(bearer(await sign({ publish: ['a'] })), 'a')).toBe(true)
    expect(await publish(bearer(await sign({ channels: ['a'] })), 'a')).toBe(false)
  })

  test('takes public keys, and key sets at a URL', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const token = await new SignJWT({ channels: ['a'], exp: inAnHour })
      .setProtectedHeader({ alg: 'ES256', kid: '1' })
      .sign(privateKey)
    const byKey = jwtAuthorize({ key: publicKey, algorithms: ['ES256'] })
    expect(await byKey(bearer(token), 'a')).toBeTruthy()
    expect(await byKey(bearer(await sign({ channels: ['a'] })), 'a')).toBe(false)
    const jwk = { ...publicKey.export({ format: 'jwk' }), kid: '1', alg: 'ES256' }
    const server = createServer((_req, res) => res.end(JSON.stringify({ keys: [jwk] })))
    const url = new URL(`http://127.0.0.1:${await listen(server)}/`)
    const bySet = jwtAuthorize({ key: url, algorithms: ['ES256'] })
    expect(await bySet(bearer(token), 'a')).toBeTruthy()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    const away = jwtAuthorize({ key: url, algorithms: ['ES256'] })
    await expect(away(bearer(token), 'a')).rejects.toThrow()
  })

  test.each<[string, Partial<JwtOptions>]>([
    ['key', { key: 'short' }],
    ['key', { key: `-----BEGIN PUBLIC KEY-----\n${'x'.repeat(64)}` }],
    ['algorithms', { algorithms: [] }],
    ['algorithms', { algorithms: ['none'] }],
    ['algorithms', { key: new URL('http://localhost/') }],
  ])('refuses %s that it cannot use', (name, options) => {
    expect(() => jwtAuthorize({ key: secret, ...options })).toThrow(new RegExp(`^${name}:`))
  })
})
