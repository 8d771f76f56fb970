/**
 * A ready-made `authorize` for `front.sub` and `front.pub`: a JSON Web Token (RFC 7519) says which channels it is for. It has a file and an entry of its
 * own, so that who does not need it does not load it.
 */
import { createSecretKey, type KeyObject } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { createRemoteJWKSet, type JWTPayload, jwtVerify, type JWTVerifyOptions } from 'jose'
import type { Verdict } from './sub/options.js'

export interface JwtOptions {
  /** A secret of 32 bytes or more (HS256 and its like), a public key, or the URL of a key set (RFC 7517). */
  key: string | Uint8Array | KeyObject | URL
  /** Which algorithms may have signed; none else is taken. @defaultValue ['HS256'] for a secret; for keys it must be given */
  algorithms?: string[] | undefined
  issuer?: string | undefined
  audience?: string | undefined
  /** The claim with the patterns of channels, an array of strings; `*` in one stands for any characters. @defaultValue 'channels' */
  claim?: string | undefined
  /** Name of the cookie that holds it, where the Authorization header does not. @defaultValue none */
  cookie?: string | undefined
  /** Name of the query parameter that holds it: an EventSource cannot send headers. @defaultValue 'access_token'; false: none */
  query?: string | false | undefined
}

const MIN_SECRET = 32
/** A longer one is refused before it is looked at. */
const MAX_TOKEN = 16_384

/**
 * @returns `authorize`: no token, one that is not valid, or has no matching pattern, is refused; the stream ends when it expires.
 * @throws TypeError for options that cannot be used
 */
export function jwtAuthorize(
  options: JwtOptions,
): (req: IncomingMessage, channel: string) => Promise<Verdict> {
  const { claim = 'channels', cookie, query = 'access_token' } = options
  const verify = verifierOf(options)
  /** One verification for all channels of a request. */
  const verified = new WeakMap<IncomingMessage, Promise<JWTPayload | undefined>>()

  return async (req, channel) => {
    let found = verified.get(req)
    if (!found) {
      const token = tokenOf(req, cookie, query)
      found = token === undefined ? Promise.resolve(undefined) : verify(token)
      verified.set(req, found)
    }
    const payload = await found
    if (!payload) return false
    const patterns: unknown = payload[claim]
    if (!Array.isArray(patterns) || !patterns.some((each) => matches(each, channel))) return false
    return payload.exp === undefined ? true : { expiresAt: payload.exp * 1000 }
  }
}

/** `jwtAuthorize` for `front.pub`, which only asks whether. */
export function jwtAuthorizePublish(
  options: JwtOptions,
): (req: IncomingMessage, channel: string) => Promise<boolean> {
  const authorize = jwtAuthorize({ ...options, claim: options.claim ?? 'publish' })
  return async (req, channel) => (await authorize(req, channel)) !== false
}

function verifierOf(options: JwtOptions): (token: string) => Promise<JWTPayload | undefined> {
  const { key, issuer, audience } = options
  const secret = typeof key === 'string' || key instanceof Uint8Array
  const algorithms = options.algorithms ?? (secret ? ['HS256'] : undefined)
  if (!algorithms || algorithms.length === 0) {
    throw new TypeError("algorithms: name those that may have signed, for example ['RS256']")
  }
  if (algorithms.some((each) => each.toLowerCase() === 'none')) {
    throw new TypeError('algorithms: none is no signature')
  }
  const terms: JWTVerifyOptions = { algorithms, clockTolerance: 0 }
  if (issuer !== undefined) terms.issuer = issuer
  if (audience !== undefined) terms.audience = audience
  if (key instanceof URL) {
    const set = createRemoteJWKSet(key)
    return (token) => jwtVerify(token, set, terms).then(({ payload }) => payload, refused)
  }
  const used = secret ? secretOf(key) : key
  return (token) => jwtVerify(token, used, terms).then(({ payload }) => payload, refused)
}

function secretOf(key: string | Uint8Array): KeyObject {
  const bytes = Buffer.from(key)
  if (bytes.toString('latin1').trimStart().startsWith('-----BEGIN')) {
    throw new TypeError('key: a PEM is no secret; use createPublicKey of node:crypto')
  }
  if (bytes.length < MIN_SECRET) {
    throw new TypeError(`key: a secret has ${MIN_SECRET} bytes or more (RFC 7518, 3.2)`)
  }
  return createSecretKey(bytes)
}

/** Not valid: the client is refused. That the key set cannot be had is no fault of the client. */
function refused(error: unknown): undefined {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined
  const theirs =
    typeof code === 'string' && /^ERR_(JWT|JWS|JOSE_ALG|JWKS_NO_MATCHING|JWKS_MULTIPLE)/.test(code)
  if (!theirs) throw error
  return undefined
}

function tokenOf(
  req: IncomingMessage,
  cookie: string | undefined,
  query: string | false,
): string | undefined {
  const bearer = /^Bearer +(\S+) *$/i.exec(req.headers.authorization ?? '')?.[1]
  const token = bearer ?? cookieOf(req, cookie) ?? queryOf(req, query)
  return token !== undefined && token.length <= MAX_TOKEN ? token : undefined
}

function cookieOf(req: IncomingMessage, name: string | undefined): string | undefined {
  if (name === undefined) return undefined
  for (const pair of (req.headers.cookie ?? '').split(';')) {
    const at = pair.indexOf('=')
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim()
  }
  return undefined
}

function queryOf(req: IncomingMessage, name: string | false): string | undefined {
  if (name === false) return undefined
  const [, query = ''] = (req.url ?? '').split('?', 2)
  return new URLSearchParams(query).get(name) ?? undefined
}

/** Without a regular expression, which a pattern could make slow: the parts between stars follow each other. */
function matches(pattern: unknown, channel: string): boolean {
  if (typeof pattern !== 'string') return false
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return channel === first
  if (!channel.startsWith(first)) return false
  let at = first.length
  for (const part of rest) {
    const found = channel.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return channel.length - last.length >= at && channel.endsWith(last)
}
