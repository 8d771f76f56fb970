/** What becomes of a request whose application cannot be reached, breaks, or takes too long. Pure. */
import { HttpError } from '@tempest/worker'

/** Told of what the client only sees the status of; pino's is one. */
export interface AdaptLogger {
  warn(fields: object, message: string): void
}

/** The request cannot be said in HTTP, so it never left. */
const unsayable = new Set([
  'ERR_INVALID_CHAR',
  'ERR_INVALID_HTTP_TOKEN',
  'ERR_UNESCAPED_CHARACTERS',
])

export function codeOf(error: unknown): string {
  return typeof error === 'object' && error && 'code' in error ? String(error.code) : ''
}

function nameOf(error: unknown): unknown {
  return typeof error === 'object' && error && 'name' in error ? error.name : undefined
}

/** The connection ended before a byte of the response: it may have been closed while the request was on its way. */
export function isHangUp(error: unknown): boolean {
  return codeOf(error) === 'ECONNRESET' || codeOf(error) === 'EPIPE'
}

/**
 * What the handler throws: 400 for a request that cannot be sent, 504 for a time-out, 502 for anything else that is wrong with the upstream. An
 * abort stays what it is.
 * @param shown the upstream, without credentials
 */
export function upstreamError(error: unknown, shown: string): unknown {
  if (error instanceof HttpError) return error
  if (nameOf(error) === 'AbortError') return error
  const code = codeOf(error)
  const options = { cause: error }
  if (unsayable.has(code)) {
    return new HttpError(400, `not a request that can be sent: ${code}`, options)
  }
  const reason = code === '' ? String(error) : code
  if (code === 'ETIMEDOUT') return new HttpError(504, `${shown}: ${reason}`, options)
  return new HttpError(502, `${shown}: ${reason}`, options)
}
