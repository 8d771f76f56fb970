/**
 * The one error of Tempest and its closed union of codes.
 *
 * A code is the same word in an exception, in problem+json (RFC 9457), in the verb `fail` and in stats.
 * The message is for the operator; what a client may read is the code's title, never the message.
 */

/** code → [HTTP status, the plain sentence a client may read] */
const table = {
  BAD_REQUEST: [400, 'The request could not be understood'],
  FORBIDDEN: [403, 'This is not allowed'],
  METHOD_NOT_ALLOWED: [405, 'This method is not allowed here'],
  BODY_TIMEOUT: [408, 'The request body did not arrive in time'],
  BODY_TOO_LARGE: [413, 'The request body is larger than allowed'],
  CANCELLED: [499, 'The client has left'],
  BODY_CONSUMED: [500, 'The server is set up wrongly'],
  HTTP_ERROR: [500, 'The request was refused'],
  HANDLER_FAILED: [500, 'The request could not be handled'],
  INTERNAL: [500, 'The server made a mistake'],
  NO_HANDLER: [501, 'Nothing here handles this request'],
  BAD_REPLY: [502, 'The reply to this request was not valid'],
  OVERRUN: [502, 'The reply came faster than it could be sent'],
  WORKER_LOST: [502, 'The request was interrupted'],
  REDIS_AWAY: [503, 'The service is temporarily unavailable'],
  REDIS_REFUSED: [503, 'The service is temporarily unavailable'],
  REDIS_UNFIT: [503, 'The service is temporarily unavailable'],
  PUSH_UNKNOWN: [503, 'The service is temporarily unavailable'],
  BACKLOG_FULL: [503, 'Too many requests are waiting'],
  IN_FLIGHT_FULL: [503, 'Too many requests are waiting'],
  SUBSCRIBERS_FULL: [503, 'Too many clients are subscribed'],
  STOPPING: [503, 'The server is stopping'],
  DEADLINE: [504, 'No answer in time'],
} as const satisfies Record<string, readonly [number, string]>

/**
 * What can go wrong, as one closed union.
 *
 * - `HTTP_ERROR`: a handler ended the request with a status of its own.
 * - `PUSH_UNKNOWN`: the connection broke while a job was being pushed; it may or may not wait in its queue.
 * - `REDIS_AWAY`: no connection within `redisWaitMs`; nothing was pushed.
 * - `REDIS_REFUSED`: Redis answered a push with an error (full memory, wrong type, no permission).
 * - `REDIS_UNFIT`: Redis is older than 7.0 or may evict keys.
 * - `OVERRUN`: a worker went on sending a streamed reply that its client did not take.
 * - `WORKER_LOST`: the worker that had the job is gone, and it may not be tried again; it may have been carried out in part.
 */
export type ErrorCode = keyof typeof table

export const errorCodes = Object.keys(table).filter(isErrorCode)

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(table, value)
}

/** The HTTP status that belongs to a code, e.g. 504 for `DEADLINE`. */
export function statusOf(code: ErrorCode): number {
  return table[code][0]
}

/** The sentence a client may read; it never tells anything of the inside. */
export function titleOf(code: ErrorCode): string {
  return table[code][1]
}

/** An expected failure. Anything thrown that is not a TempestError is a bug, or the handler's own error. */
export class TempestError extends Error {
  readonly code: ErrorCode
  /** HTTP status a front answers with; differs from `statusOf(code)` when a worker named one in `fail`. */
  readonly status: number

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown; status?: number }) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'TempestError'
    this.code = code
    this.status = options?.status ?? statusOf(code)
  }
}

/** The text of anything that was thrown; anything can be, also what has no text. */
export function reasonOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown)
  } catch {
    return 'something that has no text was thrown'
  }
}
