/** Jobs as a front writes them (P-10 to P-14), and ids as our nodes make them (P-30). */
import { randomBytes } from 'node:crypto'
import { pack } from '../encoding.js'

export interface Request {
  method?: string
  url?: string
  headers?: Record<string, unknown>
  body?: unknown
  mount?: string
}

export interface JobTerms {
  id?: string | number
  action?: string
  /** Instead of a request. */
  args?: unknown
  respondTo?: unknown
  /** Keys beside, or instead of, those a front writes; null: no metadata at all. */
  meta?: Record<string, unknown> | null
  deadlineMs?: number
}

export function hex(bytes: number): string {
  return randomBytes(bytes).toString('hex')
}

export interface Writer {
  readonly boot: string
  readonly mailbox: string
  readonly epoch: string
  /** Redis' time now. */
  now(): number
}

export interface Job {
  id: string
  text: string
}

export interface PackedJob {
  id: string
  bytes: Buffer
}

let count = 0

export function makeJob(writer: Writer, request: Request, terms?: JobTerms): Job {
  const whole = arrayOf(writer, request, terms)
  return { id: String(whole[3]), text: JSON.stringify(whole) }
}

/** The same in MessagePack. A body that is a Buffer is bin. */
export function packJob(writer: Writer, request: Request, terms?: JobTerms): PackedJob {
  const whole = arrayOf(writer, request, terms)
  return { id: String(whole[3]), bytes: pack(whole) }
}

function arrayOf(writer: Writer, request: Request, terms: JobTerms = {}): unknown[] {
  const id = terms.id ?? `${writer.boot}-${(count++).toString(36)}-${hex(8)}`
  const action = terms.action ?? 'url'
  const respondTo = terms.respondTo === undefined ? writer.mailbox : terms.respondTo
  const args = terms.args ?? [requestOf(writer, request, String(id), terms)]
  return [action, args, respondTo, id]
}

function requestOf(writer: Writer, request: Request, id: string, terms: JobTerms): object {
  const { method = 'GET', url = '/', headers = {}, ...rest } = request
  const meta =
    terms.meta === null
      ? {}
      : {
          meta: {
            ...{ v: 1, deadline: writer.now() + (terms.deadlineMs ?? 60_000), attempt: 1 },
            ...{ retry: method === 'GET', epoch: writer.epoch, request_id: id },
            ...terms.meta,
          },
        }
  const whole = { host: 'localhost', 'user-agent': 'tempest-conformance', accept: '*/*' }
  return { method, url, headers: { ...whole, ...headers }, ...rest, remote: '127.0.0.1', ...meta }
}
