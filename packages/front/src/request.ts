/** What a job says of an HTTP request: the text of its first argument, with a gap for the metadata. */
import type { IncomingMessage } from 'node:http'
import { encodeBytes, type JobText } from '@tempest/protocol'
import { encodeHeaders, requestIdOf, traceparentOf } from './headers.js'

/** Connect sets `originalUrl`, Express `baseUrl` too; a bare server sets neither. */
export type MountedRequest = IncomingMessage & { originalUrl?: string; baseUrl?: string }

/** The prefix that mounting stripped from the url; '' without one. */
function mountOf(req: MountedRequest): string {
  const { originalUrl, baseUrl, url = '' } = req
  if (typeof baseUrl === 'string') return baseUrl
  if (originalUrl === undefined || originalUrl === url) return ''
  if (originalUrl.endsWith(url)) return originalUrl.slice(0, -url.length)
  // Mounted at /a, `/a?x` becomes `/?x`: the slash is Connect's, not the client's.
  if (originalUrl.endsWith(url.slice(1)))
    return originalUrl.slice(0, originalUrl.length - url.length + 1)
  return ''
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
