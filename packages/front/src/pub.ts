/** `front.pub({ authorize })`: `POST /pub/<channel>` publishes its body. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { checkInteger, checkNumber, reasonOf, shown, TempestError } from '@tempest/protocol'
import { BodyReader } from './body.js'
import type { FrontContext } from './context.js'
import { requestIdOf } from './headers.js'
import { refuseRequest } from './linger.js'
import { namesOf } from './sub/names.js'
import { subDefaults } from './sub/options.js'
import { withDeadline } from './with-deadline.js'
import type { Middleware } from './work.js'

export interface PubOptions {
  /** Whether this request may publish to that channel. It runs before the body is read. */
  authorize: (req: IncomingMessage, channel: string) => boolean | Promise<boolean>
  /** How long, in ms, `authorize` may take. @defaultValue 5000 */
  authorizeMs?: number | undefined
  /** As of `front.sub`. @defaultValue '' */
  prefix?: string | undefined
  /** As of `front.sub`. @defaultValue 'tempest:events' */
  log?: string | undefined
  /** Larger bodies get 413. @defaultValue 1 MiB */
  maxEventBytes?: number | undefined
}

const BODY_MS = 30_000

/** @throws TypeError that names the option. */
export function createPub(context: FrontContext, options: PubOptions): Middleware {
  const { authorize, prefix = subDefaults.prefix, log = subDefaults.log } = options
  const authorizeMs = checkNumber('authorizeMs', options.authorizeMs ?? subDefaults.authorizeMs, 1)
  if (typeof authorize !== 'function') {
    throw new TypeError(`authorize: say who may publish, not ${shown(authorize)}`)
  }
  const maxBytes = checkInteger(
    'maxEventBytes',
    options.maxEventBytes ?? subDefaults.maxEventBytes,
    1,
  )

  return (req, res) => {
    context.counts.requests++
    context.inFlight++
    publish(req, res)
      .finally(() => context.ended())
      .then(
        (id) => {
          context.answered(200)
          const body = `${JSON.stringify({ id: id ?? null })}\n`
          res.writeHead(200, {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(body),
            'cache-control': 'no-store',
          })
          res.end(body)
        },
        (error: unknown) => refuse(req, res, error),
      )
  }

  async function publish(req: IncomingMessage, res: ServerResponse): Promise<string | undefined> {
    if (req.method !== 'POST') {
      res.setHeader('allow', 'POST')
      throw new TempestError('METHOD_NOT_ALLOWED', `${req.method} does not publish`)
    }
    if (context.state === 'stopped') throw new TempestError('STOPPING', 'this front stops')
    const [path = '', query = ''] = (req.url ?? '/').split('?', 2)
    const [name = ''] = namesOf(path, { plain: false, prefix, max: 1 })
    const asked = Promise.resolve(authorize(req, name))
    const allowed: unknown = await withDeadline(authorizeMs, asked, 'authorize')
    if (allowed !== true) {
      throw new TempestError('FORBIDDEN', `may not publish to ${name}`)
    }
    const parameters = new URLSearchParams(query)
    const event = parameters.get('event') ?? undefined
    const live = parameters.get('live') === '1'
    if (event !== undefined && (event === '' || /[\r\n\0]/.test(event))) {
      throw new TempestError('BAD_REQUEST', 'event: use a name without line breaks')
    }
    const body = await read(req)
    return context.node.publish(prefix + name, body.toString('utf8'), { event, live, log })
  }

  function read(req: IncomingMessage): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const limits = { maxBytes, dueAt: performance.now() + BODY_MS }
      const { sockets, wheel, memory } = context
      const client = {
        left: (): void => {
          reader.stop()
          reject(new TempestError('CANCELLED', 'the client has left'))
        },
      }
      const done = (body: Buffer | undefined): void => {
        sockets.remove(req.socket, client)
        resolve(body ?? Buffer.alloc(0))
      }
      const failed = (error: TempestError): void => {
        sockets.remove(req.socket, client)
        reject(error)
      }
      const reader = new BodyReader(req, limits, wheel, memory, done, failed)
      sockets.add(req.socket, client)
      reader.read()
    })
  }

  function refuse(req: IncomingMessage, res: ServerResponse, thrown: unknown): void {
    const known = thrown instanceof TempestError
    if (!known) context.logger.error({ err: thrown }, 'front.pub failed')
    const error = known ? thrown : new TempestError('INTERNAL', reasonOf(thrown))
    context.erred(error.code)
    if (res.headersSent || res.destroyed) return
    context.answered(error.status)
    refuseRequest(req, res, error, {
      requestId: requestIdOf(req.headers['x-request-id']) ?? context.node.exchanges.requestId(),
      retryAfterS: error.status === 503 ? 5 : undefined,
      close: context.state !== 'open',
    })
  }
}
