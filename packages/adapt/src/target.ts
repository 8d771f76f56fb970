/**
 * The target of a request as the application is sent it: always a path and a query, or `*`.
 *
 * Where to connect is never read from it, so `//other/path` and `http://other/path` stay here; the second, which a server has to accept (RFC 9112,
 * 3.2.2), becomes its path. Nothing is normalised: percent-encoding, `..` and doubled slashes are the application's. Pure.
 */
import { HttpError, type HttpRequest } from '@tempest/worker'

export interface Target {
  path: string
  /** Of a target in absolute form, which counts more than `Host`. */
  authority: string | undefined
}

const absolute = /^https?:\/\/([^/?#@\\\s]+)(?![^/?])(.*)$/is

/** @throws HttpError 400 for what is none. */
export function targetOf({ method, url }: Pick<HttpRequest, 'method' | 'url'>): Target {
  // Its target is no path, and its answer no response.
  if (method === 'CONNECT') throw new HttpError(405, 'CONNECT')
  if (url.startsWith('/')) return { path: url, authority: undefined }
  if (url === '*' && method === 'OPTIONS') return { path: url, authority: undefined }
  const [, authority, rest = ''] = absolute.exec(url) ?? []
  if (authority === undefined) throw new HttpError(400, 'the url is no path')
  return { path: rest.startsWith('/') ? rest : `/${rest}`, authority }
}

/** Mount and url in one, as `originalUrl` of Connect has it. @throws HttpError 400 where that would be no path */
export function wholePath(mount: string, path: string): string {
  if (mount !== '' && !mount.startsWith('/')) throw new HttpError(400, 'the mount is no path')
  return path === '*' ? path : mount + path
}
