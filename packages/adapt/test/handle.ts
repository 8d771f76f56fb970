/** A handler called as a worker calls it, without a queue, and servers for it to call; what was opened is closed by `closeAll`. */
import type { HttpRequest, HttpResponse, Job, UrlHandler } from '@tempest/worker'
import { once } from 'node:events'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { createServer, type Server, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { fieldsOf } from '../../../test/helpers/json'

const closers: (() => Promise<void>)[] = []

export async function closeAll(): Promise<void> {
  await Promise.all(closers.splice(0).map((close) => close()))
}

/** Everything but what is given is as `curl http://example.com/` has it. */
export function requestOf(given: Partial<HttpRequest> = {}): HttpRequest {
  return {
    ...{ method: 'GET', url: '/', mount: '', body: Buffer.alloc(0), remote: '192.0.2.7' },
    ...{ headers: { host: 'example.com' }, requestId: 'id-1', traceparent: undefined },
    ...given,
  }
}

/** As much of a job as an adapter may use. */
function jobOf(signal: AbortSignal): Job {
  const no = (): never => {
    throw new Error('an adapter has no use for it')
  }
  const rest = { queue: 'tempest', attempt: 1, deadline: null, stream: no, forward: no }
  return { id: 'id-1', signal, ...rest }
}

/** What the handler returns, its body unread. */
export async function start(
  handler: UrlHandler,
  given: Partial<HttpRequest> = {},
  signal = new AbortController().signal,
): Promise<HttpResponse> {
  const result = await handler(requestOf(given), jobOf(signal))
  if (typeof result !== 'object' || !('status' in result)) throw new Error('no response')
  return result
}

export interface Answer {
  status: number | undefined
  headers: Record<string, unknown>
  body: Buffer
  /** Whether it came piece by piece. */
  streamed: boolean
}

/** The whole response. @throws what broke it */
export async function ask(
  handler: UrlHandler,
  given: Partial<HttpRequest> = {},
  signal?: AbortSignal,
): Promise<Answer> {
  const { status, headers, body } = await start(handler, given, signal)
  const streamed = body instanceof Readable
  return { status, headers: fieldsOf(headers), body: await bytesOf(body), streamed }
}

async function bytesOf(body: HttpResponse['body']): Promise<Buffer> {
  if (!(body instanceof Readable)) return Buffer.from(body instanceof Uint8Array ? body : '')
  const pieces: Buffer[] = []
  for await (const piece of body) pieces.push(Buffer.from(piece as Uint8Array))
  return Buffer.concat(pieces)
}

/** Its status where it is an HttpError, as the client would see it, else 500. */
function statusOf(error: unknown): number {
  const { name, status } = fieldsOf(error)
  return name === 'HttpError' && typeof status === 'number' ? status : 500
}

/** What the client would see, where the handler has to fail. */
export async function failing(answer: Promise<unknown>): Promise<number> {
  return answer.then(
    () => {
      throw new Error('it did not fail')
    },
    (error: unknown) => statusOf(error),
  )
}

/** An HTTP server. @returns its address */
export async function upstream(app: RequestListener): Promise<string> {
  return `http://127.0.0.1:${await open(createHttpServer(app))}`
}

/** A server that says anything, or nothing, to each connection. @returns its address */
export async function rawUpstream(say: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    say(socket)
  })
  return `http://127.0.0.1:${await open(server)}`
}

async function open(server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  const address = server.address()
  return typeof address === 'object' && address ? address.port : 0
}
