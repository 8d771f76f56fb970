/**
 * A load over HTTP keep-alive with an exact account: every request is numbered, knows what its answer must be, and has
 * exactly one outcome (asked.ts). How often its handler ran, the workers tell (programs/worker.mjs).
 */
import { Agent, request as httpRequest } from 'node:http'
import { type Asked, codeOf, createAsked, judge, type Method, newAsked } from './asked'
import { until } from './until'

export type { Asked } from './asked'

/** One request of a kind of its own. */
export interface Wish {
  /** @defaultValue 'GET' */
  method?: Method
  /** Behind `n` and `bytes`: what its handler is to do. @defaultValue '' */
  query?: string
  body?: Buffer
  /** How it may end, each as its status and code, e.g. '502 WORKER_LOST'. @defaultValue as the plan allows */
  expected?: readonly string[]
  /** Of the front. @defaultValue one of the load's */
  port?: number
  /** How often it may be pushed in all. @defaultValue as the front says */
  maxAttempts?: number
  /** Only so many bytes of the body are sent. @defaultValue all */
  sentBytes?: number
}

export interface Asking extends Asked {
  /** Resolves when it has its outcome. */
  readonly ended: Promise<void>
  /** The client breaks its connection. */
  leave(): void
}

export interface Load {
  readonly asked: readonly Asked[]
  /** Those that have no outcome yet. */
  readonly open: number
  /** Sends so many a second until `finish`; called again it changes the rate. */
  start(perSecond: number): void
  /** Sends so many, this many at a time; resolves when each has its outcome. */
  burst(count: number, atATime: number): Promise<void>
  /** Sends one. */
  ask(wish: Wish): Asking
  /** Sends no more; resolves when each has its outcome. */
  finish(): Promise<void>
  /** Sends no more and gives up what is open. */
  abort(): void
  /** A worker has run the handler of this request. */
  ran(n: number, attempt: number, at?: number, by?: string): void
}

export interface LoadOptions {
  /** The number of its first request. @defaultValue 0 */
  first?: number
  /** How long, in ms, the slowest handlers take. @defaultValue 40 */
  maxMs?: number
  /** A handler that is run again takes no time. @defaultValue false */
  quickAgain?: boolean
}

const TICK_MS = 20
const MAKE_UP_MS = 200
/** Nothing may take longer; the deadlines of the scenarios are shorter. */
const HUNG_MS = 40_000

/** @param port of the front, or a function that tells one for each request. */
export function createLoad(
  port: number | (() => number),
  { first = 0, maxMs = 40, quickAgain = false }: LoadOptions = {},
): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: Infinity, maxFreeSockets: 512 })
  const portNow = typeof port === 'function' ? port : () => port
  const asked: Asked[] = []
  let timer: NodeJS.Timeout | undefined
  let open = 0

  function send(asking: Asked, { sentBytes, maxAttempts }: Wish = {}): Asking {
    asked.push(asking)
    open++
    let ended = (): void => undefined
    const promise = new Promise<void>((resolve) => (ended = resolve))
    const settle = (status: number, code: string, retryAfter?: string): void => {
      if (asking.outcome) {
        if (!asking.left) asking.more++
        return
      }
      clearTimeout(late)
      open--
      const end = asking.left ? { status: 0, code: 'left' } : { status, code }
      asking.outcome = { ...end, retryAfter, ms: performance.now() - asking.sentAt }
      ended()
    }
    const { method, path, priority, body } = asking
    const headers = {
      'x-priority': priority,
      ...(body && { 'content-length': body.length }),
      ...(maxAttempts && { 'x-attempts': maxAttempts }),
    }
    const to = { port: asking.port, host: '127.0.0.1', agent }
    const req = httpRequest({ ...to, method, path, headers }, (res) => {
      const chunks: Buffer[] = []
      res.on('data', (chunk: Buffer) => chunks.push(chunk))
      res.on('error', (error) => settle(0, `response: ${error.message}`))
      res.on('end', () => {
        const got = Buffer.concat(chunks)
        const status = res.statusCode ?? 0
        const code = status === 200 ? judge(asking, got) : codeOf(got)
        settle(status, code, res.headers['retry-after'])
      })
    })
    const late = setTimeout(() => req.destroy(new Error('nothing came')), HUNG_MS)
    req.on('error', (error) => settle(0, `request: ${error.message}`))
    if (sentBytes === undefined) req.end(body)
    else req.write(body?.subarray(0, sentBytes))
    return Object.assign(asking, {
      ended: promise,
      leave() {
        asking.left = true
        req.destroy()
      },
    })
  }

  function sendNext(): Asking {
    return send(createAsked(first + asked.length, portNow(), { maxMs, quickAgain }))
  }

  return {
    asked,
    get open() {
      return open
    },
    start(perSecond) {
      clearInterval(timer)
      const startedAt = performance.now()
      let sent = 0
      timer = setInterval(() => {
        const due = Math.floor(((performance.now() - startedAt) * perSecond) / 1000)
        // What a generator without a core has missed it does not make up for at once: clients would not either.
        sent = Math.max(sent, due - Math.ceil((perSecond * MAKE_UP_MS) / 1000))
        while (sent < due) {
          sent++
          sendNext()
        }
      }, TICK_MS)
    },
    burst(count, atATime) {
      return new Promise((resolve) => {
        let begun = 0
        let ended = 0
        const next = (): void => {
          if (++ended === count) resolve()
          else if (begun < count) begin()
        }
        const begin = (): void => {
          begun++
          void sendNext().ended.then(next)
        }
        while (begun < Math.min(atATime, count)) begin()
      })
    },
    ask(wish) {
      const n = first + asked.length
      const { method = 'GET', query = '', body, expected } = wish
      const path = `/r?n=${n}&bytes=${n % 50}${query && `&${query}`}`
      const how = { method, path, body, priority: 'normal', expected, port: wish.port ?? portNow() }
      return send(newAsked(n, how), wish)
    },
    async finish() {
      clearInterval(timer)
      await until(() => open === 0, HUNG_MS + 1000)
      agent.destroy()
    },
    abort() {
      clearInterval(timer)
      agent.destroy()
    },
    ran(n, attempt, at = 0, by = '') {
      const each = asked[n - first]
      each?.runs.push(attempt)
      each?.ranAt.push(at)
      each?.ranBy.push(by)
    },
  }
}
