/**
 * The environment of a CGI program (RFC 3875, 4.1): what the request says, and nothing of ours but what is named.
 *
 * Fields of the request become HTTP_<NAME>, never a variable that means something else: `Proxy`, which many HTTP clients take for the address of
 * their proxy, is left out, and so are names with an underscore, which would be taken for those with a dash. Pure.
 */
import { HttpError, type HttpRequest } from '@tempest/worker'
import { dirname } from 'node:path'
import { type Fields, requestFields } from '../headers.js'
import { targetOf, wholePath } from '../target.js'

export interface Script {
  /** Absolute; undefined: the command is the program. */
  script: string | undefined
  /** Beside what the request says. */
  env: Readonly<Record<string, string>>
}

/** @throws HttpError 400 for a request that cannot be said */
export function environmentOf(
  request: HttpRequest,
  { script, env }: Script,
): Record<string, string> {
  const { path, authority } = targetOf(request)
  const [before = '', ...rest] = path.split('?')
  const fields = requestFields(request)
  if (authority !== undefined) fields['host'] = authority
  const all: Record<string, string> = { ...env, ...metaFields(fields) }
  Object.assign(all, {
    GATEWAY_INTERFACE: 'CGI/1.1',
    SERVER_SOFTWARE: 'tempest',
    SERVER_PROTOCOL: 'HTTP/1.1',
    ...serverOf(fields),
    REQUEST_METHOD: request.method,
    REQUEST_URI: wholePath(request.mount, path),
    SCRIPT_NAME: request.mount,
    PATH_INFO: decodePath(before),
    QUERY_STRING: queryOf(rest.join('?')),
    REMOTE_ADDR: request.remote,
    // php-cgi runs nothing without it: it must have come through a server.
    REDIRECT_STATUS: '200',
    ...(script !== undefined && { SCRIPT_FILENAME: script, DOCUMENT_ROOT: dirname(script) }),
  })
  const length = fields['content-length']
  if (length !== undefined) all['CONTENT_LENGTH'] = String(length)
  const type = fields['content-type']
  if (type !== undefined) all['CONTENT_TYPE'] = toText(String(type))
  if (Object.values(all).some((value) => value.includes('\0'))) {
    throw new HttpError(400, 'a zero byte cannot be in an environment')
  }
  return all
}

/**
 * A query without `=` may be passed to a CGI program as its arguments (RFC 3875, 4.4). Ours never is; but php-cgi, which cannot know, sets
 * its own arguments aside, settings and all, for one that begins with a dash. With a `=` behind it the query means the same to scripts.
 */
function queryOf(query: string): string {
  const likeOption = /^(?:[\0- +]|%[01][0-9a-f]|%20)*(?:-|%2d)/i
  return likeOption.test(query) && !query.includes('=') ? `${query}=` : query
}

/** An IPv6 address keeps its brackets; a port is a number, whatever the client wrote: programs count on it. */
function serverOf(fields: Fields): Record<'SERVER_NAME' | 'SERVER_PORT', string> {
  const host = /^(\[[^\][]+\]|[^:[]*)(?::(\d{1,5})$)?/.exec(String(fields['host'] ?? ''))
  const usual = fields['x-forwarded-proto'] === 'https' ? '443' : '80'
  return { SERVER_NAME: host?.[1] || 'localhost', SERVER_PORT: host?.[2] ?? usual }
}

function metaFields(fields: Fields): Record<string, string> {
  const meta: Record<string, string> = {}
  for (const [name, value] of Object.entries(fields)) {
    if (!/^[a-z0-9-]+$/.test(name) || name === 'proxy') continue
    if (name === 'content-length' || name === 'content-type') continue
    const text = Array.isArray(value) ? value.join(', ') : value
    meta[`HTTP_${name.replaceAll('-', '_').toUpperCase()}`] = toText(text)
  }
  return meta
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    throw new HttpError(400, 'the path is not encoded as UTF-8')
  }
}

/** Node has one character for each byte of a field, and makes UTF-8 of an environment. */
function toText(field: string): string {
  const bytes = Buffer.from(field, 'latin1')
  const text = bytes.toString('utf8')
  return Buffer.from(text).equals(bytes) ? text : field
}
