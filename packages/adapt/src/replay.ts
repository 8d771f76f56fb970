/**
 * Requests replayed at an HTTP server: whatever listens on a port or a socket works for a queue.
 *
 * The server's address is fixed once. Connections are kept for requests that may be sent twice (RFC 9110, 9.2.2): a kept one may be closed while a
 * request is on its way, and nobody can tell then whether it was read. Any other request has a connection of its own.
 */
import type { HttpRequest, Job, UrlHandler } from '@tempest/worker'
import http from 'node:http'
import https from 'node:https'
import type { SecureContextOptions } from 'node:tls'
import { call, CallError, type Times } from './call.js'
import { type AdaptLogger, isHangUp, upstreamError } from './failures.js'
import { addForwarded, type Forwarded } from './forwarded.js'
import { type Fields, requestFields } from './headers.js'
import { checkChoice, readLimits } from './options.js'
import { passOn } from './response.js'
import { targetOf, wholePath } from './target.js'
import { readUpstream, type Upstream } from './upstream.js'

export interface ReplayOptions {
  /** `client`: as the client sent it. `upstream`: that of the address, as a name-based server may need. @defaultValue 'client' */
  host?: 'client' | 'upstream' | undefined
  /** @defaultValue 'add' */
  forwarded?: Forwarded | undefined
  /** Whether the prefix that the front stripped from the url stands before it again. @defaultValue false */
  keepMount?: boolean | undefined
  /** How long, in ms, until the head of the response is there; the job's own deadline may come first. Then 504. @defaultValue 30000 */
  timeoutMs?: number | undefined
  /** How long, in ms, a response may be silent between two bytes. @defaultValue 60000 */
  idleMs?: number | undefined
  /** Responses up to this length are read whole before they are passed on. @defaultValue 65536 */
  collectBytes?: number | undefined
  /** For https: certificates. */
  tls?: SecureContextOptions | undefined
  logger?: AdaptLogger | undefined
}

/** Without HEAD: a server that sends a body all the same would leave it before the next response. */
const repeatable = new Set(['GET', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'])
const MAX_KEPT = 64
/** A server of one thread waits for nobody else meanwhile. */
const KEPT_MS = 4000

/** A handler for `worker.on('url', …)`. @param to `http://host:port`, `https://host` or `unix:/path` @throws TypeError that names the option. */
export function replay(to: string | URL, options: ReplayOptions = {}): UrlHandler {
  const upstream = readUpstream(to)
  const hosts = checkChoice('host', options.host ?? 'client', ['client', 'upstream'])
  const forwarded = checkChoice('forwarded', options.forwarded ?? 'add', ['add', 'replace', 'off'])
  const limits = readLimits(options)
  const { keepMount = false, logger } = options
  const connect = connector(upstream, options.tls)

  return async (request, job) => {
    const { path, authority } = targetOf(request)
    const fields = requestFields(request)
    const host = authority ?? fields['host']?.toString()
    fields['host'] = (hosts === 'client' ? host : undefined) ?? upstream.authority
    if (upstream.authorization !== undefined) fields['authorization'] = upstream.authorization
    addForwarded(fields, request, host, forwarded)
    const wanted = keepMount ? wholePath(request.mount, path) : path
    let begun: http.IncomingMessage | undefined
    try {
      const response = await connect(request, wanted, fields, job, limits)
      begun = response
      return await passOn(request.method, response, limits.collectBytes)
    } catch (error) {
      begun?.on('error', () => undefined).destroy()
      const thrown = upstreamError(error, upstream.shown)
      if (!job.signal.aborted) {
        logger?.warn({ id: job.id, err: thrown }, 'a request could not be replayed')
      }
      throw thrown
    }
  }
}

type Connect = (
  request: HttpRequest,
  path: string,
  headers: Fields,
  job: Job,
  times: Times,
) => Promise<http.IncomingMessage>

function connector(
  { secure, place, servername }: Upstream,
  tls: SecureContextOptions | undefined,
): Connect {
  const { request: open, Agent } = secure ? https : http
  const kept = new Agent({ keepAlive: true, maxFreeSockets: MAX_KEPT, timeout: KEPT_MS })
  // Without a name of its own, Node would take the one that the client's Host has.
  const secured = secure ? { ...tls, servername: servername ?? '' } : {}
  return async ({ method, body }, path, headers, { signal }, times) => {
    const options = { ...place, ...secured, method, path, headers, signal }
    const send = (agent: http.Agent | false): Promise<http.IncomingMessage> =>
      call(open, { ...options, agent }, body, times)
    try {
      return await send(repeatable.has(method) ? kept : false)
    } catch (error) {
      if (!(error instanceof CallError)) throw error
      if (!error.reused || !isHangUp(error.cause)) throw error.cause
      // The connection was kept too long; a new one tells what the server itself says.
      return await send(false).catch((again: unknown) => {
        throw again instanceof CallError ? again.cause : again
      })
    }
  }
}
