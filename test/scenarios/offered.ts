/**
 * A load that is offered whatever becomes of it, with an exact account: so many requests a second, over connections that are kept or
 * new ones, of handlers that take a given time (programs/worker.mjs).
 */
import { createHash } from 'node:crypto'
import { Agent, request } from 'node:http'
import type { Socket } from 'node:net'
import { until } from '../helpers/until'

export interface Offered {
  readonly sentAt: number
  readonly what: string
  /** 0: the connection failed. */
  status: number | undefined
  ms: number
  retryAfter: string | undefined
  /** Whether a 200 had the right bytes; else why there was none. */
  right: boolean | string
}

export interface Offer {
  readonly all: Offered[]
  /** Changes how many a second; 0: none. */
  rate(perSecond: number): void
  /** Sends no more; resolves when all have ended. */
  finish(): Promise<void>
}

export interface Kind {
  method: 'GET' | 'POST'
  keep: boolean
  handlerMs: number
}

const TICK_MS = 10
/** A front that ends closes what was silent for a second: who sends just then has to try again, so nobody sends on such a one. */
const SILENT_MS = 500

export function offer(ports: readonly number[], kinds: readonly Kind[]): Offer {
  const agent = new Agent({ keepAlive: true })
  const silentSince = new WeakMap<Socket, number>()
  agent.on('free', (socket: Socket) => silentSince.set(socket, performance.now()))
  const all: Offered[] = []
  let open = 0
  let timer: NodeJS.Timeout | undefined

  function send(): void {
    const n = all.length
    const { method, keep, handlerMs } = kinds[n % kinds.length] ?? NO_KIND
    const path = `/r?n=${n}&bytes=${(n * 37) % 2000}&ms=${handlerMs}`
    const body = method === 'POST' ? Buffer.from(`body ${n}`) : undefined
    const each: Offered = {
      ...{ sentAt: performance.now(), what: `${method} ${path} ${keep ? 'kept' : 'new'}` },
      ...{ status: undefined, ms: 0, retryAfter: undefined, right: false },
    }
    all.push(each)
    open++
    const end = (status: number, right: boolean | string, retryAfter?: string): void => {
      if (each.status !== undefined) each.right = 'two outcomes'
      else open--
      if (each.status !== undefined) return
      Object.assign(each, { status, right, retryAfter, ms: performance.now() - each.sentAt })
    }
    const req = request(
      {
        ...{ host: '127.0.0.1', port: ports[n % ports.length], path, method },
        agent: keep ? agent : false,
        headers: body ? { 'content-length': body.length } : {},
      },
      (res) => {
        const chunks: Buffer[] = []
        res.on('data', (chunk: Buffer) => chunks.push(chunk))
        res.on('error', (error) => end(0, error.message))
        res.on('end', () => {
          const got = Buffer.concat(chunks)
          const wanted = answerOf(method, path, body)
          const right = got.equals(wanted) || got.toString().slice(0, 200)
          end(res.statusCode ?? 0, right, res.headers['retry-after'])
        })
      },
    )
    req.on('error', (error) => end(0, error.message))
    req.end(body)
  }

  /** Also where we ourselves have stood still for so long. */
  function closeSilent(): void {
    const since = performance.now() - SILENT_MS
    for (const socket of Object.values(agent.freeSockets).flatMap((sockets) => sockets ?? [])) {
      if ((silentSince.get(socket) ?? 0) < since) socket.destroy()
    }
  }

  return {
    all,
    rate(perSecond) {
      clearInterval(timer)
      const from = performance.now()
      let sent = 0
      timer = setInterval(() => {
        const due = Math.floor(((performance.now() - from) * perSecond) / 1000)
        closeSilent()
        for (; sent < due; sent++) send()
      }, TICK_MS)
    },
    async finish() {
      clearInterval(timer)
      await until(() => open === 0, 40_000)
      agent.destroy()
    },
  }
}

const NO_KIND: Kind = { method: 'GET', keep: true, handlerMs: 0 }

/** What worker.mjs answers. */
function answerOf(method: string, path: string, body: Buffer | undefined): Buffer {
  const digest = createHash('sha1')
    .update(body ?? '')
    .digest('hex')
  const bytes = Number(/bytes=(\d+)/.exec(path)?.[1])
  return Buffer.concat([Buffer.from(`${method} ${path} ${digest} `), Buffer.alloc(bytes, 0xe4)])
}

export function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(Math.floor(sorted.length * part), sorted.length - 1)] ?? 0
}
