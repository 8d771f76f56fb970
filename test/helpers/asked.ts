/** A request of a load: what it asks, what its answer must be, and what became of it. */
import { createHash } from 'node:crypto'

export type Method = 'GET' | 'PUT' | 'POST'

export interface Asked {
  readonly n: number
  readonly method: Method
  readonly path: string
  readonly priority: string
  readonly body: Buffer | undefined
  readonly sentAt: number
  /** Of the front. */
  readonly port: number
  /** How it may end, each as its status and code; undefined: as the scenario's plan allows. */
  readonly expected: readonly string[] | undefined
  /** Its client has left. */
  left: boolean
  /** What became of it: undefined while it is open. */
  outcome: Outcome | undefined
  /** Outcomes beyond the first; must stay 0. */
  more: number
  /** The attempt of each run of its handler. */
  runs: number[]
  /** When each of them began, by `performance.now()`; 0 where nobody wrote it down. */
  ranAt: number[]
  /** Which worker ran it; '' where nobody wrote it down. */
  ranBy: string[]
}

interface Outcome {
  /** 0 where the connection failed, the client left, or nothing came in time. */
  status: number
  /** The code of a problem of the front's, the reason of a failed connection, or 'wrong' for an answer that is not the right one. */
  code: string
  retryAfter: string | undefined
  ms: number
}

type How = Pick<Asked, 'method' | 'path' | 'body' | 'priority' | 'port' | 'expected'>

export function newAsked(n: number, how: How): Asked {
  const open = { outcome: undefined, more: 0, left: false, runs: [], ranAt: [], ranBy: [] }
  return { n, sentAt: performance.now(), ...how, ...open }
}

/** A mix by number: GET small and large, PUT, POST text and binary, of all priorities; some of their handlers take a while. */
export function createAsked(
  n: number,
  port: number,
  { maxMs, quickAgain }: { maxMs: number; quickAgain: boolean },
): Asked {
  const kind = n % 5
  const method = kind < 2 ? 'GET' : kind === 2 ? 'PUT' : 'POST'
  const bytes = kind === 1 ? 2000 + ((n * 7919) % 20_000) : n % 50
  const ms = n % 3 === 0 ? (n * 31) % maxMs : 0
  const priority = n % 7 === 0 ? 'high' : n % 11 === 0 ? 'low' : 'normal'
  const takes = quickAgain ? `first=${ms}&ms=0` : `ms=${ms}`
  const path = `/r?n=${n}&bytes=${bytes}&${takes}`
  const binary = kind === 4
  const given = binary ? Buffer.alloc(n % 3000, n) : Buffer.from(`text ä ${n}`)
  const body = method === 'GET' ? undefined : given
  return newAsked(n, { method, path, priority, body, port, expected: undefined })
}

/** '' where the answer is the right one. */
export function judge(asked: Asked, got: Buffer): string {
  return got.equals(answerOf(asked)) ? '' : 'wrong'
}

/** What programs/answer.mjs gives to this request. */
export function answerOf({ method, path, body }: Asked): Buffer {
  const digest = createHash('sha1')
    .update(body ?? '')
    .digest('hex')
  const bytes = Number(new URLSearchParams(path.slice(path.indexOf('?'))).get('bytes'))
  const head = Buffer.from(`${method} ${path} ${digest} `)
  return Buffer.concat([head, Buffer.alloc(bytes, 0xe4)])
}

export function codeOf(body: Buffer): string {
  return /"code":"(\w+)"/.exec(body.toString())?.[1] ?? body.toString().slice(0, 80)
}
