/** What a job says of an HTTP request: its first argument, as text with a gap for the metadata, or as values for MessagePack. */
import type { IncomingMessage } from 'node:http'
import {
  encodeBytes,
  ENVELOPE_BYTES,
  type JobText,
  type JobValues,
  wellFormed,
} from '@tempest/protocol'
import { encodeHeaders, readHeaders, requestIdOf, traceparentOf } from './headers.js'

/** Connect and Express set `originalUrl`; a bare server does not. */
export type MountedRequest = IncomingMessage & { originalUrl?: string }

/** The prefix that mounting stripped from the url, nested ones in one; '' without any. */
function mountOf(req: MountedRequest): string {
  const { originalUrl, url = '' } = req
  if (originalUrl === undefined || originalUrl === url) return ''
  const whole = pathOf(originalUrl)
  const rest = pathOf(url)
  if (whole.endsWith(rest)) return whole.slice(0, whole.length - rest.length)
  // Mounted at /a, `/a?x` becomes `/?x`: the slash is Connect's, not the client's.
  if (whole.endsWith(rest.slice(1))) return whole.slice(0, whole.length - rest.length + 1)
  return ''
}

/** Without scheme and authority, which a target in absolute form has. */
function pathOf(url: string): string {
  return url.startsWith('/') ? url : url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?]*/i, '')
}

export function requestText(req: MountedRequest, body: Buffer | undefined): JobText {
  const { headers } = req
  const mount = mountOf(req)
  const before =
    `["url",[{"method":"${req.method ?? ''}","url":${JSON.stringify(req.url)},"headers":${encodeHeaders(headers)}` +
    (body === undefined ? '' : `,"body":${JSON.stringify(encodeBytes(body))}`) +
    (mount === '' ? '' : `,"mount":${JSON.stringify(mount)}`) +
    `,"remote":"${req.socket.remoteAddress ?? ''}","meta":`
  return {
    before,
    after: '}]',
    requestId: requestIdOf(headers['x-request-id']),
    traceparent: traceparentOf(headers['traceparent']),
  }
}

export function requestValues(req: MountedRequest, body: Buffer | undefined): JobValues {
  const { url = '' } = req
  const { headers, size } = readHeaders(req.headers)
  const mount = mountOf(req)
  const first = new Map<string, unknown>()
  first
    .set('method', req.method ?? '')
    .set('url', wellFormed(url))
    .set('headers', headers)
  if (body !== undefined) first.set('body', body)
  if (mount !== '') first.set('mount', wellFormed(mount))
  first.set('remote', req.socket.remoteAddress ?? '')
  return {
    action: 'url',
    args: [first],
    first,
    size: ENVELOPE_BYTES + size + url.length + mount.length + (body?.length ?? 0),
    requestId: requestIdOf(req.headers['x-request-id']),
    traceparent: traceparentOf(req.headers['traceparent']),
  }
}
