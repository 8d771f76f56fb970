/**
 * Refuses a request whose body is still arriving, so that the client reads the refusal.
 *
 * A socket closed with unread bytes is reset, and a reset can overtake the response. So the response goes out whole at once,
 * and what still arrives is thrown away for a short time, within a bound, before the connection closes.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TempestError } from '@tempest/protocol'
import { hasBody } from './body.js'
import { encodeProblem, type ProblemDetails, sendProblem } from './problem.js'

const LINGER_MS = 1000
const LINGER_BYTES = 16 * 1024 * 1024

/** Ends a request with an error. The connection goes on where nothing of the request can still arrive. */
export function refuseRequest(
  req: IncomingMessage,
  res: ServerResponse,
  error: TempestError,
  details: ProblemDetails,
): void {
  if (req.complete || !hasBody(req)) sendProblem(req, res, error, details)
  else endAfterBody(req, res, encodeProblem(req, error, details))
}

function endAfterBody(
  req: IncomingMessage,
  res: ServerResponse,
  head: { status: number; headers: Record<string, string | number>; body: string },
): void {
  if (req.readableEnded) {
    res.writeHead(head.status, head.headers)
    res.end(head.body)
    return
  }
  res.writeHead(head.status, { ...head.headers, connection: 'close' })
  res.write(req.method === 'HEAD' ? '' : head.body)
  let bytes = 0
  const end = (): void => {
    clearTimeout(timer)
    req.off('data', count)
    req.off('end', end)
    req.off('close', end)
    res.end()
  }
  const count = (chunk: Buffer): void => {
    bytes += chunk.length
    if (bytes > LINGER_BYTES) end()
  }
  const timer = setTimeout(end, LINGER_MS).unref()
  req.on('data', count)
  req.once('end', end)
  req.once('close', end)
}
