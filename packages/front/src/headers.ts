/**
 * Which header fields a front passes on. Pure.
 *
 * Those of one hop are dropped both ways (RFC 9110, 7.6.1): the fixed ones and whatever Connection nominates.
 */

const hopByHop = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Lower-case names only. `nominated` is the value of the Connection field, if there is one. */
export function isHopByHop(name: string, nominated: ReadonlySet<string> | undefined): boolean {
  return hopByHop.has(name) || (nominated !== undefined && nominated.has(name))
}

/** The names a Connection field nominates, beside the options that are no names of fields. */
export function nominatedBy(connection: unknown): ReadonlySet<string> | undefined {
  const text = Array.isArray(connection) ? connection.join(',') : connection
  if (typeof text !== 'string') return undefined
  const lower = text.toLowerCase()
  if (lower === 'keep-alive' || lower === 'close') return undefined
  return new Set(lower.split(',').map((name) => name.trim()))
}

const quotedNames = new Map<string, string>()
const MAX_QUOTED = 256

/** `"name":` as JSON; the common names are quoted once. */
function quotedName(name: string): string {
  const known = quotedNames.get(name)
  if (known !== undefined) return known
  const quoted = `${JSON.stringify(name)}:`
  // Bounded, since clients choose names.
  if (quotedNames.size < MAX_QUOTED) quotedNames.set(name, quoted)
  return quoted
}

/** Request headers as JSON, without those of this hop, without `expect` (the front has met it) and `__proto__`. */
export function encodeHeaders(headers: NodeJS.Dict<string | string[]>): string {
  const nominated = nominatedBy(headers['connection'])
  let text = ''
  for (const name in headers) {
    if (isHopByHop(name, nominated) || name === 'expect' || name === '__proto__') continue
    const value = headers[name]
    if (value === undefined) continue
    text += (text === '' ? '' : ',') + quotedName(name) + JSON.stringify(value)
  }
  return `{${text}}`
}

/** The same as values, and about how many bytes they take. */
export function readHeaders(headers: NodeJS.Dict<string | string[]>): {
  headers: Map<string, string | string[]>
  size: number
} {
  const nominated = nominatedBy(headers['connection'])
  const map = new Map<string, string | string[]>()
  let size = 0
  for (const name in headers) {
    if (isHopByHop(name, nominated) || name === 'expect' || name === '__proto__') continue
    const value = headers[name]
    if (value === undefined) continue
    size += name.length + (typeof value === 'string' ? value.length : value.join().length)
    map.set(name, value)
  }
  return { headers: map, size }
}

const requestId = /^[\x21-\x7e]{1,200}$/
const traceparent = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

/** The client's X-Request-Id where it is 1 to 200 visible ASCII characters. */
export function requestIdOf(value: unknown): string | undefined {
  return typeof value === 'string' && requestId.test(value) ? value : undefined
}

/** The client's traceparent where it is valid (W3C Trace Context, 3.2). */
export function traceparentOf(value: unknown): string | undefined {
  return typeof value === 'string' && traceparent.test(value) ? value : undefined
}
