/**
 * A Connect or Express application, or any `(req, res)`, as a worker in the same process, without a port.
 *
 * Requests go through Node's own HTTP server and client over a connection in memory, one for each: so the application has a real request and
 * response, back-pressure, and `close` when the client has left; and what it sends is checked as on the network.
 */
import { HttpError, type Job, type UrlHandler } from '@tempest/worker'
import http from 'node:http'
import { call, CallError } from '../call.js'
import { upstreamError } from '../failures.js'
import { requestFields } from '../headers.js'
import { readLimits } from '../options.js'
import { passOn } from '../response.js'
import { targetOf } from '../target.js'
import { MemorySocket } from './memory-socket.js'
import { runApp, type NodeApp } from './run-app.js'

export type { NodeApp } from './run-app.js'

export interface InjectOptions {
  /** How long, in ms, until the head of the response is there; the job's own deadline may come first. Then 504. @defaultValue 30000 */
  timeoutMs?: number | undefined
  /** How long, in ms, a response may be silent between two pieces. @defaultValue 60000 */
  idleMs?: number | undefined
  /** Responses up to this length are read whole before they are passed on. @defaultValue 65536 */
  collectBytes?: number | undefined
}

const MAX_HEADER_BYTES = 128 * 1024

/** A handler for `worker.on('url', …)`. @throws TypeError that names the option. */
export function inject(app: NodeApp, options: InjectOptions = {}): UrlHandler {
  if (typeof (app as unknown) !== 'function') throw new TypeError('app: use a function (req, res)')
  const limits = readLimits(options)
  const mounts = new WeakMap<object, { mount: string; fail: (error: unknown) => void }>()
  const settings = {
    ...{ maxHeaderSize: MAX_HEADER_BYTES, requestTimeout: 0, headersTimeout: 0 },
    // HTTP/1.0 has none.
    requireHostHeader: false,
  }
  const server = http.createServer(settings, (req, res) => {
    const { mount = '', fail = () => undefined } = mounts.get(req.socket) ?? {}
    runApp(app, req, res, mount, fail)
  })

  return async (request, job) => {
    const { path, authority } = targetOf(request)
    const headers = requestFields(request)
    if (authority !== undefined) headers['host'] = authority
    const { client, server: end } = MemorySocket.pair(request.remote)
    let failure: { error: Error } | undefined
    let begun: http.IncomingMessage | undefined
    const fail = (error: unknown): void => {
      failure ??= { error: toThrown(error) }
      // Behind its head, what it fails with is what breaks the body.
      begun?.destroy(failure.error)
      end.destroy()
    }
    mounts.set(end, { mount: request.mount, fail })
    server.emit('connection', end)
    try {
      const response = await call(
        http.request,
        { ...optionsOf(client, job), method: request.method, path, headers },
        request.body,
        limits,
      )
      begun = response
      return await passOn(request.method, response, limits.collectBytes)
    } catch (error) {
      client.destroy()
      if (failure) throw failure.error
      const cause = error instanceof CallError ? error.cause : error
      throw upstreamError(cause, 'the application')
    }
  }
}

function optionsOf(client: MemorySocket, { signal }: Job): http.RequestOptions {
  return { createConnection: () => client, setHost: false, signal }
}

/** An error with a status of its own, as body parsers and http-errors make them, is meant for the client. */
function toThrown(error: unknown): Error {
  if (!isError(error)) return new Error(`the application failed: ${String(error)}`)
  if (error instanceof HttpError) return error
  const status: unknown = 'status' in error ? error.status : 500
  if (typeof status !== 'number' || status === 500) return error
  if (!Number.isInteger(status) || status < 400 || status > 599) return error
  return new HttpError(status, error.message, { cause: error })
}

/** Not by its class: an application may run in a context of its own. */
function isError(value: unknown): value is Error {
  return typeof value === 'object' && value !== null && 'message' in value && 'name' in value
}
