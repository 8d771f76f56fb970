/**
 * `front.work(queue)`: the Connect middleware that turns requests into jobs. It ends every request itself and never calls next.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { checkQueueName, type ExchangeTerms, reasonOf, TempestError } from '@tempest/protocol'
import type { FrontContext } from './context.js'
import { requestIdOf } from './headers.js'
import { HttpExchange } from './http-exchange.js'
import { refuseRequest } from './linger.js'
import {
  checkAttempts,
  checkDeadline,
  checkIdle,
  checkMaxWait,
  checkPriority,
  checkRetry,
  type PerRequest,
  resolveWorkOptions,
  type ResolvedWorkOptions,
  type Retry,
  workDefaults,
  type WorkOptions,
} from './options.js'
import { retryAfterOf } from './problem.js'

export type Middleware = (req: IncomingMessage, res: ServerResponse, next?: unknown) => void

export function createWork(
  context: FrontContext,
  attached: ReadonlySet<Server>,
  queue: string,
  given: WorkOptions,
): Middleware {
  const options = resolveWorkOptions(given)
  const outbox = context.node.exchanges.outbox(checkQueueName(queue))
  const termsOf = createTerms(options, outbox)

  return (req, res) => {
    const now = performance.now()
    context.counts.requests++
    // Middleware before us may take its time; a socket that is closed already tells nobody any more.
    if (req.socket.destroyed) {
      context.counts.left++
      return
    }
    let terms: WorkTerms
    try {
      const refusal = admit(req)
      if (refusal) {
        refuse(req, res, refusal)
        return
      }
      terms = termsOf(req)
      const { backlog } = outbox
      const waitMs = backlog.waitMs(terms.priority, now)
      if (waitMs > terms.maxWaitMs) {
        refuse(req, res, tooLong(waitMs, terms.maxWaitMs))
        return
      }
    } catch (error) {
      context.logger.error({ err: error, url: req.url }, 'an option of front.work failed')
      refuse(
        req,
        res,
        new TempestError('INTERNAL', `an option of front.work failed: ${reasonOf(error)}`),
      )
      return
    }
    new HttpExchange(context, req, res, terms, now).begin(options.maxBodyBytes)
  }

  /** Why a request is not taken, if so: told at once, before anything is read or pushed. */
  function admit(req: IncomingMessage): TempestError | undefined {
    if (context.state === 'stopped' || (context.state === 'draining' && !drains(req))) {
      return new TempestError('STOPPING', 'this front stops')
    }
    const { maxInFlight } = context.options
    if (context.inFlight >= maxInFlight) {
      return new TempestError('IN_FLIGHT_FULL', `${maxInFlight} requests are open (maxInFlight)`)
    }
    if (context.memory.full) {
      return new TempestError('IN_FLIGHT_FULL', 'held requests fill the memory (maxHeldBytes)')
    }
    if (outbox.backlog.full(options.maxBacklog)) {
      return new TempestError(
        'BACKLOG_FULL',
        `${outbox.backlog.size} jobs wait in ${queue} (maxBacklog)`,
      )
    }
    return undefined
  }

  function tooLong(waitMs: number, maxWaitMs: number): TempestError {
    return new TempestError(
      'BACKLOG_FULL',
      `${outbox.backlog.size} jobs wait in ${queue}, for about ${Math.round(waitMs)} ms, more than ${maxWaitMs} (maxWaitMs)`,
    )
  }

  /** A server of ours that drains takes no connections; what still comes on those it has is served, and they close. */
  function drains(req: IncomingMessage): boolean {
    const { socket } = req
    return 'server' in socket && [...attached].some((server) => server === socket.server)
  }

  function refuse(req: IncomingMessage, res: ServerResponse, error: TempestError): void {
    context.erred(error.code)
    if (res.headersSent) return
    context.answered(error.status)
    refuseRequest(req, res, error, {
      requestId: requestIdOf(req.headers['x-request-id']) ?? context.node.exchanges.requestId(),
      retryAfterS: retryAfterOf(error, outbox.backlog),
      close: context.state !== 'open',
    })
  }
}

/** Safe and idempotent methods (RFC 9110, 9.2.2). */
const retryable = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'])

interface WorkTerms extends ExchangeTerms {
  maxWaitMs: number
}

/** What each request's exchange is opened with; where no option is a function, two objects serve all requests. */
function createTerms(
  options: ResolvedWorkOptions,
  outbox: ExchangeTerms['outbox'],
): (req: IncomingMessage) => WorkTerms {
  const { deadlineMs, idleMs, priority, retry, maxAttempts, maxWaitMs } = options
  const waitOf = (ms: number): number => ms * workDefaults.maxWaitPart
  const fixed =
    typeof deadlineMs !== 'function' &&
    typeof idleMs !== 'function' &&
    typeof priority !== 'function' &&
    typeof maxAttempts !== 'function' &&
    typeof maxWaitMs !== 'function'
      ? [true, false].map((again) => ({
          ...{ outbox, deadlineMs, idleMs, priority, maxAttempts, retry: again },
          maxWaitMs: maxWaitMs ?? waitOf(deadlineMs),
        }))
      : undefined
  return (req) => {
    const again = mayRetry(req, checkRetry(valueOf(retry, req)))
    const shared = fixed?.[again ? 0 : 1]
    if (shared) return shared
    const deadline = checkDeadline(valueOf(deadlineMs, req))
    return {
      outbox,
      deadlineMs: deadline,
      idleMs: checkIdle(valueOf(idleMs, req)),
      priority: checkPriority(valueOf(priority, req)),
      maxAttempts: checkAttempts(valueOf(maxAttempts, req)),
      retry: again,
      maxWaitMs: maxWaitMs === undefined ? waitOf(deadline) : checkMaxWait(valueOf(maxWaitMs, req)),
    }
  }
}

function mayRetry(req: IncomingMessage, retry: Retry): boolean {
  if (typeof retry === 'boolean') return retry
  if (retryable.has(req.method ?? '')) return true
  return retry === 'idempotency-key' && req.headers['idempotency-key'] !== undefined
}

function valueOf<T extends string | number | boolean>(
  option: PerRequest<T>,
  req: IncomingMessage,
): unknown {
  if (typeof option !== 'function') return option
  const value: unknown = option(req)
  // A promise is refused like any other nonsense; its own rejection must not end the process.
  if (value instanceof Promise) value.catch(() => undefined)
  return value
}
