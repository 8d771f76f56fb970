/** `front.sub()`: the Connect middleware that turns requests into streams of events. It ends every request itself and never calls next. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { reasonOf, TempestError } from '@tempest/protocol'
import { hasBody } from '../body.js'
import type { FrontContext } from '../context.js'
import { requestIdOf } from '../headers.js'
import { refuseRequest } from '../linger.js'
import { withDeadline } from '../with-deadline.js'
import type { Middleware } from '../work.js'
import { corsFields, preflightFields } from './cors.js'
import type { Hub } from './hub.js'
import { namesOf } from './names.js'
import type { ResolvedSubOptions, Verdict } from './options.js'
import { takeOver } from './takeover.js'

/** No caching, no buffering, no compression on the way (nginx reads X-Accel-Buffering). */
const head = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
  connection: 'close',
} as const

const METHODS = 'GET, HEAD, OPTIONS'
const FULL_RETRY_S = 5
const MAX_LAST = 100_000

interface Request {
  names: string[]
  after: string | undefined
  last: number
}

export function createSub(
  context: FrontContext,
  options: ResolvedSubOptions,
  hub: Hub,
): Middleware {
  const rules = {
    plain: options.authorize === undefined,
    prefix: options.prefix,
    max: options.maxChannels,
  }

  return (req, res) => {
    context.counts.requests++
    const cors = corsFields(req, options.cors)
    for (const [name, value] of Object.entries(cors)) res.setHeader(name, value)
    answer(req, res).catch((error: unknown) => {
      refuse(req, res, error instanceof TempestError ? error : internal(error))
    })
  }

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { method } = req
    if (method === 'OPTIONS') {
      if (options.cors !== false) res.writeHead(204, { ...preflightFields, allow: METHODS })
      else res.writeHead(204, { allow: METHODS })
      context.answered(204)
      res.end()
      return
    }
    if (method !== 'GET' && method !== 'HEAD') {
      res.setHeader('allow', METHODS)
      throw new TempestError('METHOD_NOT_ALLOWED', `${method} is not for streams`)
    }
    checkOpen()
    if (hasBody(req)) throw new TempestError('BAD_REQUEST', 'a request for a stream has no body')
    const request = readRequest(req)
    const expiresAt = await authorize(req, request.names)
    // The client may have left meanwhile, and others come.
    if (req.socket.destroyed) return
    checkOpen()
    // Behind a request of the same connection that is not answered yet, or where it is no connection of ours.
    if (res.socket !== req.socket || req.httpVersionMajor !== 1) {
      throw new TempestError('BAD_REQUEST', 'a stream needs a connection of its own')
    }
    if (hub.streams.size >= options.maxSubscribers) {
      throw new TempestError(
        'SUBSCRIBERS_FULL',
        `${options.maxSubscribers} clients are subscribed (maxSubscribers)`,
      )
    }
    context.answered(200)
    res.removeHeader('transfer-encoding')
    res.writeHead(200, head)
    if (method === 'HEAD') {
      res.end()
      return
    }
    const socket = takeOver(req, res)
    const names = request.names.map((name) => options.prefix + name)
    context.sockets.add(socket, hub.open(socket, names, request, expiresAt))
  }

  function checkOpen(): void {
    if (context.state === 'open' || context.state === 'unready') return
    throw new TempestError('STOPPING', 'this front stops')
  }

  function readRequest(req: IncomingMessage): Request {
    const { url = '/' } = req
    const [path = '', query = ''] = url.split('?', 2)
    const parameters = new URLSearchParams(query)
    const given = req.headers['last-event-id'] ?? parameters.get('lastEventId') ?? ''
    const last = Number(parameters.get('last') ?? 0)
    if (!Number.isInteger(last) || last < 0 || last > MAX_LAST) {
      throw new TempestError('BAD_REQUEST', `last: use a number from 0 to ${MAX_LAST}`)
    }
    const names = namesOf(path, rules)
    // An empty one is what a client has that has had no id (WHATWG HTML, 9.2.4).
    return { names, after: String(given) || undefined, last }
  }

  /** @returns until when, in ms since 1970. @throws TempestError FORBIDDEN, INTERNAL. */
  async function authorize(req: IncomingMessage, names: string[]): Promise<number> {
    const ask = options.authorize
    if (!ask) return Infinity
    const all = Promise.all(names.map(async (name) => ask(req, name)))
    const verdicts: Verdict[] = await withDeadline(options.authorizeMs, all, 'authorize')
    return Math.min(...verdicts.map((verdict, i) => untilOf(verdict, names[i] ?? '')))
  }

  /** What is given back may be anything. */
  function untilOf(verdict: unknown, name: string): number {
    const object = typeof verdict === 'object' && verdict !== null ? verdict : {}
    const said: unknown = 'expiresAt' in object ? object.expiresAt : undefined
    const expiresAt = verdict === true ? Infinity : typeof said === 'number' ? said : 0
    if (!(expiresAt > Date.now())) throw new TempestError('FORBIDDEN', `may not read ${name}`)
    return expiresAt
  }

  function internal(error: unknown): TempestError {
    context.logger.error({ err: error }, 'authorize failed')
    return new TempestError('INTERNAL', `authorize failed: ${reasonOf(error)}`)
  }

  function refuse(req: IncomingMessage, res: ServerResponse, error: TempestError): void {
    context.erred(error.code)
    if (res.headersSent || res.destroyed) return
    context.answered(error.status)
    refuseRequest(req, res, error, {
      requestId: requestIdOf(req.headers['x-request-id']) ?? context.node.exchanges.requestId(),
      retryAfterS: error.status === 503 ? FULL_RETRY_S : undefined,
      close: context.state !== 'open',
    })
  }
}
