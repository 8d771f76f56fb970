/** A reply as its entries say it: whole or in pieces, or a failure. Read without judging: the cases judge. */
import { Broken, check } from '../case.js'
import type { Entry } from './mailbox.js'

export interface Reply {
  kind: 'answer' | 'stream' | 'fail' | 'lost' | 'other'
  /** The third element of an answer, or `[status, headers, body]` put together from pieces. */
  result: unknown
  failure: Record<string, unknown>
  entries: readonly Entry[]
}

/** The reply, or undefined where it is not whole yet. */
export function replyOf(entries: readonly Entry[]): Reply | undefined {
  const [first] = entries
  if (!first) return undefined
  if (first.verb === 'answer' || first.verb === 'url')
    return { kind: 'answer', result: first.third, failure: {}, entries }
  if (first.verb === 'fail' || first.verb === 'lost')
    return { kind: first.verb, result: undefined, failure: fields(first.third), entries }
  if (first.verb !== 'head') return { kind: 'other', result: undefined, failure: {}, entries }
  const failed = entries.find(({ verb }) => verb === 'fail')
  if (failed) return { kind: 'fail', result: undefined, failure: fields(failed.third), entries }
  if (!entries.some(({ verb }) => verb === 'end')) return undefined
  const chunks = entries.filter(({ verb }) => verb === 'chunk')
  const body = Buffer.concat(chunks.map(({ third }) => bytesOf(third)))
  const head: unknown[] = Array.isArray(first.third) ? first.third : []
  const result = [head[0], head[1], { base64: body.toString('base64') }]
  return { kind: 'stream', result, failure: {}, entries }
}

export interface Http {
  status: unknown
  headers: Record<string, unknown>
  body: Buffer
}

/** What a client would be sent. @throws Broken where it is no result of an HTTP job (P-41). */
export function httpOf(reply: Reply): Http {
  const { kind, result, failure } = reply
  check(
    kind === 'answer' || kind === 'stream',
    'an answer, or a head with its pieces',
    kind === 'other' ? reply.entries[0]?.whole : { [kind]: failure },
  )
  check(
    Array.isArray(result) && result.length >= 2 && result.length <= 3,
    '[status, headers, body?] as the result',
    result,
  )
  const [status, headers, body] = result as unknown[]
  return { status, headers: fields(headers), body: bytesOf(body) }
}

/** A header by its name in any case, as text; several in one line. */
export function headerOf({ headers }: Http, name: string): string | undefined {
  const found = Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1]
  if (found === undefined) return undefined
  return [found].flat().map(String).join(', ')
}

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** P-20, P-21; of MessagePack bin as well (P-26). @throws Broken where it is none of these. */
function bytesOf(value: unknown): Buffer {
  if (value === undefined || value === null) return Buffer.alloc(0)
  if (typeof value === 'string') return Buffer.from(value)
  if (Buffer.isBuffer(value)) return value
  const text = fields(value)['base64']
  if (typeof text === 'string' && base64.test(text)) return Buffer.from(text, 'base64')
  throw new Broken('bytes: a string, or {"base64": …} with padding and no white space', value)
}

function fields(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
}
