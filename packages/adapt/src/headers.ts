/**
 * Header fields on their way to an application and back. Those of one hop (RFC 9110, 7.6.1) stay behind both ways, `Content-Length` and
 * `Transfer-Encoding` of a request too: its body is whole, and its length is what it has. Pure.
 */
import { HttpError, type HttpRequest, type RequestHeaders } from '@tempest/worker'

export type Fields = Record<string, string | string[]>

const hopByHop = new Set([
  ...['connection', 'proxy-connection', 'keep-alive', 'te', 'trailer'],
  ...['transfer-encoding', 'upgrade'],
])
/** Ours to say, or met already. */
const ours = new Set(['content-length', 'expect', '__proto__'])
/** A client need not send a length with these where there is no body (RFC 9110, 8.6). */
const bodiless = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE'])

function noFields(): Fields {
  const fields: unknown = Object.create(null)
  return fields as Fields
}

/** Names that a Connection field nominates. */
function nominatedBy(connection: string | string[] | undefined): Set<string> {
  const text = Array.isArray(connection) ? connection.join(',') : (connection ?? '')
  return new Set(text.split(',').map((name) => name.trim().toLowerCase()))
}

/** What is passed on of a request's fields, and the length of its body. */
export function requestFields({ method, headers, body }: HttpRequest): Fields {
  const fields = noFields()
  const nominated = nominatedBy(lowerCase(headers)['connection'])
  for (const [name, value] of Object.entries(lowerCase(headers))) {
    if (hopByHop.has(name) || ours.has(name) || nominated.has(name)) continue
    fields[name] = value
  }
  if (body.length > 0 || !bodiless.has(method)) fields['content-length'] = String(body.length)
  return fields
}

/** A front's names are in lower case already; others may push jobs, too. */
function lowerCase(headers: RequestHeaders): Fields {
  const fields = noFields()
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) fields[name.toLowerCase()] = value
  }
  return fields
}

/**
 * Names and values in turn, as Node's `rawHeaders` has them: fields that came several times are kept apart, in their order.
 * @throws HttpError 502 where the body is coded for this hop in another way than by chunks: nobody would undo it
 */
export function responseFields(raw: readonly string[]): Fields {
  const fields = noFields()
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const [name = '', value = ''] = [raw[i]?.toLowerCase(), raw[i + 1]]
    if (name === '__proto__') continue
    const known = fields[name]
    if (known === undefined) fields[name] = value
    else fields[name] = Array.isArray(known) ? [...known, value] : [known, value]
  }
  const coding = String(fields['transfer-encoding'] ?? 'chunked')
  if (!/^(chunked|identity)$/i.test(coding)) throw new HttpError(502, 'a transfer coding')
  const nominated = nominatedBy(fields['connection'])
  for (const name of Object.keys(fields)) {
    if (hopByHop.has(name) || nominated.has(name)) Reflect.deleteProperty(fields, name)
  }
  return fields
}

/** The length that a response says it has. */
export function lengthOf(fields: Fields): number | undefined {
  const text = fields['content-length']
  return typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}
