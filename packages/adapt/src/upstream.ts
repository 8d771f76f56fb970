/** The address of an HTTP server, as a person gives it: checked, fixed, and printable without its credentials. Pure. */
import { isIP } from 'node:net'

export interface Upstream {
  secure: boolean
  /** Where to connect; nothing a request says changes it. */
  place: { host: string; port: number } | { socketPath: string }
  /** For `Host` where the client's is not passed on. */
  authority: string
  /** The name its certificate must bear; undefined for an address. */
  servername: string | undefined
  /** `Authorization` for each request; undefined without credentials. */
  authorization: string | undefined
  /** For people. */
  shown: string
}

/** @throws TypeError that says what to use, and never repeats what it was given: there may be a password in it. */
export function readUpstream(to: unknown): Upstream {
  const text = to instanceof URL ? to.href : to
  if (typeof text !== 'string') throw refuse('')
  if (text.startsWith('unix:')) return readSocket(text.replace(/^unix:(\/\/(?=\/))?/, ''))
  // What URL would mend without a word, as http:host does, was meant otherwise.
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) throw refuse('')
  const url = new URL(text)
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    throw refuse(', without a path: requests bring their own')
  }
  const secure = url.protocol === 'https:'
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port)
  if (port === 0) throw refuse('')
  return {
    secure,
    place: { host, port },
    authority: url.host,
    servername: secure && isIP(host) === 0 ? host : undefined,
    authorization: authorizationOf(url),
    shown: `${url.protocol}//${url.host}`,
  }
}

function readSocket(socketPath: string): Upstream {
  if (!socketPath.startsWith('/') || socketPath.includes('\0')) throw refuse('')
  return {
    secure: false,
    place: { socketPath },
    authority: 'localhost',
    ...{ servername: undefined, authorization: undefined },
    shown: `unix:${socketPath}`,
  }
}

function authorizationOf({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined
  let pair: string
  try {
    pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  } catch {
    throw refuse(', with credentials whose percent signs are written %25')
  }
  return `Basic ${Buffer.from(pair).toString('base64')}`
}

function refuse(more: string): TypeError {
  return new TypeError(`to: use http://host:port, https://host or unix:/path/of/socket${more}`)
}
