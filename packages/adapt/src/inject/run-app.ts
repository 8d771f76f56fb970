/** Calls an application as Connect calls what is mounted in it: with `originalUrl`, and a `next` behind it. */
import { HttpError } from '@tempest/worker'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { wholePath } from '../target.js'

/** Connect's and Express' applications are such functions; so is a listener of `http.createServer`. */
export type NodeApp = (
  req: IncomingMessage,
  res: ServerResponse,
  next: (error?: unknown) => void,
) => unknown

/** @param fail told of what the application threw or passed to `next`; nothing it has sent so far may look whole then */
export function runApp(
  app: NodeApp,
  req: IncomingMessage,
  res: ServerResponse,
  mount: string,
  fail: (error: unknown) => void,
): void {
  // Without this, they would answer by themselves: with a stack, unless NODE_ENV says production.
  const next = (error?: unknown): void =>
    fail(error ?? new HttpError(404, 'the application does not know this url'))
  try {
    if (mount !== '') {
      const url = req.url ?? '/'
      // Express keeps the prefix in `baseUrl`, Connect only in `originalUrl`.
      Object.assign(req, { originalUrl: wholePath(mount, url), baseUrl: mount })
    }
    Promise.resolve(app(req, res, next)).catch(fail)
  } catch (error) {
    fail(error)
  }
}
