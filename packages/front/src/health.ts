/**
 * Tells a supervisor that this process lives and a balancer whether to send requests here, from what the front has seen itself.
 *
 * That the mailbox is heard is not assumed: a message goes through it to ourselves twice a second. It says which check fails, and never
 * more: anybody may ask.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { reasonOf } from '@tempest/protocol'
import type { FrontContext } from './context.js'

export type HealthMiddleware = (
  req: IncomingMessage,
  res: ServerResponse,
  next?: () => void,
) => void

const ECHO_MS = 500
/** How often to look whether it is time for one: soon after Redis is there. */
const TICK_MS = 100
/** Two messages in a row may be late, by a machine that is busy; with the time until the next one this is less than 2 s. */
const DEAF_MS = 1400
/** Those on their way count against this; the node gives each up after a while. */
const MAX_ECHOES = 8

export class Health {
  readonly #context: FrontContext
  #timer: NodeJS.Timeout | undefined
  #echoes = 0
  #heardAt = -Infinity
  #dueAt = -Infinity

  constructor(context: FrontContext) {
    this.#context = context
  }

  /** Without `begin` the mailbox counts as heard: nothing is sent that nobody asks for. */
  get ready(): boolean {
    return this.#failing().length === 0
  }

  begin(): void {
    if (this.#timer || this.#context.state === 'stopped') return
    this.#timer = setInterval(() => this.#tick(), TICK_MS).unref()
    this.#tick()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  readonly answer: HealthMiddleware = (req, res, next) => {
    const { method, url = '' } = req
    const path = url.split('?', 1)[0]
    const known = path === '/healthz' || path === '/readyz'
    if (known && (method === 'GET' || method === 'HEAD')) {
      const failing = path === '/readyz' ? this.#failing() : []
      const name = path === '/readyz' ? 'ready' : 'alive'
      const body = JSON.stringify({ [name]: failing.length === 0, failing })
      this.#send(req, res, failing.length === 0 ? 200 : 503, `${body}\n`)
    } else if (next) next()
    else this.#send(req, res, 404, '{}\n')
  }

  #failing(): string[] {
    const { state, node } = this.#context
    const failing: string[] = []
    if (state !== 'open') failing.push('stopping')
    if (!node.connected) failing.push('redis')
    else if (!node.connections.mayPush) failing.push('push')
    if (this.#timer && performance.now() - this.#heardAt > DEAF_MS) failing.push('mailbox')
    if (this.#context.hubs.some((hub) => hub.deaf)) failing.push('sub')
    return failing
  }

  #tick(): void {
    const now = performance.now()
    if (!this.#context.node.connected) this.#dueAt = now
    else if (now >= this.#dueAt && this.#echoes < MAX_ECHOES) {
      this.#dueAt = now + ECHO_MS
      void this.#echo()
    }
  }

  async #echo(): Promise<void> {
    const { node, logger } = this.#context
    this.#echoes++
    try {
      await node.echo()
      this.#heardAt = performance.now()
    } catch (error) {
      logger.debug({ reason: reasonOf(error) }, 'the mailbox was not heard')
    } finally {
      this.#echoes--
    }
  }

  #send(req: IncomingMessage, res: ServerResponse, status: number, body: string): void {
    const headers: Record<string, string | number> = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
    }
    if (this.#context.state !== 'open') headers['connection'] = 'close'
    res.writeHead(status, headers)
    res.end(req.method === 'HEAD' ? '' : body)
  }
}
