/**
 * Errors as a client sees them: application/problem+json (RFC 9457) or plain text by Accept. Never with internals.
 */
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import Negotiator from 'negotiator'
import { titleOf, type TempestError } from '@tempest/protocol'

const JSON_TYPE = 'application/problem+json'
const TEXT_TYPE = 'text/plain'
/** text/html stands here for browsers; they are given plain text. */
const offered = [JSON_TYPE, 'application/json', TEXT_TYPE, 'text/html']

export interface ProblemDetails {
  requestId: string
  retryAfterS?: number | undefined
  close: boolean
}

/** Longer ones are not worth the time it takes to read them. */
const MAX_ACCEPT = 1000

/** A front that stops is followed by another at once; a Redis that is away takes a little. */
const STOPPING_RETRY_S = 1
const REDIS_RETRY_S = 5

/** Seconds for Retry-After: with 503 only, and not where a handler chose that status itself. */
export function retryAfterOf(
  error: TempestError,
  backlog: { readonly retryAfterS: number },
): number | undefined {
  if (error.status !== 503 || error.code === 'HTTP_ERROR') return undefined
  if (error.code === 'BACKLOG_FULL' || error.code === 'IN_FLIGHT_FULL') return backlog.retryAfterS
  return error.code === 'STOPPING' ? STOPPING_RETRY_S : REDIS_RETRY_S
}

/** Ends a response with an error. Does nothing where the headers are out already. */
export function sendProblem(
  req: IncomingMessage,
  res: ServerResponse,
  error: TempestError,
  details: ProblemDetails,
): void {
  if (res.headersSent) return
  const problem = encodeProblem(req, error, details)
  res.writeHead(problem.status, problem.headers)
  res.end(req.method === 'HEAD' ? '' : problem.body)
}

/** The same as head and body, for a response that is not ended at once. */
export function encodeProblem(
  req: IncomingMessage,
  error: TempestError,
  details: ProblemDetails,
): { status: number; headers: Record<string, string | number>; body: string } {
  const { code, status } = error
  const title = STATUS_CODES[status] ?? 'Error'
  const detail = code === 'HTTP_ERROR' ? undefined : titleOf(code)
  const text = !prefersJson(req)
  const body = text
    ? `${status} ${title}${detail === undefined ? '' : `: ${detail}`}\n`
    : JSON.stringify({
        type: 'about:blank',
        title,
        status,
        detail,
        code,
        request_id: details.requestId,
      })
  const headers: Record<string, string | number> = {
    'content-type': text ? `${TEXT_TYPE}; charset=utf-8` : JSON_TYPE,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-request-id': details.requestId,
  }
  if (details.retryAfterS !== undefined) headers['retry-after'] = details.retryAfterS
  if (details.close) headers['connection'] = 'close'
  return { status, headers, body }
}

function prefersJson(req: IncomingMessage): boolean {
  const { accept } = req.headers
  if (accept === undefined || accept === '*/*' || accept.length > MAX_ACCEPT) return true
  const type = new Negotiator(req).mediaType(offered)
  return type !== TEXT_TYPE && type !== 'text/html'
}
