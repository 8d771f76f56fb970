/**
 * A load over HTTP keep-alive with an exact account: every request is numbered, knows what its answer must be, and has
 * exactly one outcome. How often its handler ran, the workers tell (programs/worker.mjs).
 */
import { createHash } from 'node:crypto'
import { Agent, request as httpRequest } from 'node:http'
import { until } from './until'

export interface Asked {
  readonly n: number
  readonly method: 'GET' | 'PUT' | 'POST'
  readonly path: string
  readonly priority: string
  readonly body: Buffer | undefined
  readonly sentAt: number
  /** What became of it: undefined while it is open. */
  outcome: Outcome | undefined
  /** Outcomes beyond the first; must stay 0. */
  more: number
  /** The attempt of each run of its handler. */
  runs: number[]
}

interface Outcome {
  /** 0 where the connection failed, or nothing came in time. */
  status: number
  /** The code of a problem of the front's, the reason of a failed connection, or 'wrong' for an answer that is not the right one. */
  code: string
  retryAfter: string | undefined
  ms: number
}

export interface Load {
  readonly asked: readonly Asked[]
  /** Sends so many a second until `finish`; called again it changes the rate. */
  start(perSecond: number): void
  /** Sends so many, this many at a time; resolves when each has its outcome. */
  burst(count: number, atATime: number): Promise<void>
  /** Sends no more; resolves when each has its outcome. */
  finish(): Promise<void>
  /** Sends no more and gives up what is open. */
  abort(): void
  /** A worker has run the handler of this request. */
  ran(n: number, attempt: number): void
}

const TICK_MS = 20
/** Nothing may take longer; the deadlines of the scenarios are shorter. */
const HUNG_MS = 40_000

export function createLoad(port: number): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: Infinity, maxFreeSockets: 512 })
  const asked: Asked[] = []
  let timer: NodeJS.Timeout | undefined
  let open = 0

  function send(settled?: () => void): void {
    const asking = createAsked(asked.length)
    asked.push(asking)
    open++
    const settle = (status: number, code: string, retryAfter?: string): void => {
      if (asking.outcome) {
        asking.more++
        return
      }
      clearTimeout(late)
      open--
      asking.outcome = { status, code, retryAfter, ms: performance.now() - asking.sentAt }
      settled?.()
    }
    const { method, path, priority, body } = asking
    const headers = { 'x-priority': priority, ...(body && { 'content-length': body.length }) }
    const req = httpRequest({ port, host: '127.0.0.1', agent, method, path, headers }, (res) => {
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
    req.end(body)
  }

  return {
    asked,
    start(perSecond) {
      clearInterval(timer)
      const startedAt = performance.now()
      let sent = 0
      timer = setInterval(() => {
        const due = Math.floor(((performance.now() - startedAt) * perSecond) / 1000)
        while (sent < due) {
          sent++
          send()
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
          send(next)
        }
        while (begun < Math.min(atATime, count)) begin()
      })
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
    ran(n, attempt) {
      asked[n]?.runs.push(attempt)
    },
  }
}

/** A mix by number: GET small and large, PUT, POST text and binary, of all priorities; some of their handlers take a while. */
function createAsked(n: number): Asked {
  const kind = n % 5
  const method = kind < 2 ? 'GET' : kind === 2 ? 'PUT' : 'POST'
  const bytes = kind === 1 ? 2000 + ((n * 7919) % 20_000) : n % 50
  const ms = n % 3 === 0 ? (n * 31) % 40 : 0
  const priority = n % 7 === 0 ? 'high' : n % 11 === 0 ? 'low' : 'normal'
  const path = `/r?n=${n}&bytes=${bytes}&ms=${ms}`
  const body =
    method === 'GET'
      ? undefined
      : kind === 4
        ? Buffer.alloc(n % 3000, n)
        : Buffer.from(`text ä ${n}`)
  return {
    n,
    method,
    path,
    priority,
    body,
    sentAt: performance.now(),
    outcome: undefined,
    more: 0,
    runs: [],
  }
}

/** '' where the answer is what worker.mjs gives to this request. */
function judge({ method, path, body }: Asked, got: Buffer): string {
  const digest = createHash('sha1')
    .update(body ?? '')
    .digest('hex')
  const bytes = Number(new URLSearchParams(path.slice(path.indexOf('?'))).get('bytes'))
  const head = Buffer.from(`${method} ${path} ${digest} `)
  return got.equals(Buffer.concat([head, Buffer.alloc(bytes, 0xe4)])) ? '' : 'wrong'
}

function codeOf(body: Buffer): string {
  return /"code":"(\w+)"/.exec(body.toString())?.[1] ?? body.toString().slice(0, 80)
}
