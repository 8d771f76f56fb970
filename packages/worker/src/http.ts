/**
 * The action `url`: what a handler is given, what it may return, and how that becomes the result `[status, headers, body?]`.
 */
import { isStreamBody, type StreamBody } from './stream/body.js'
import { decodeBytes, encodeBytes, type Meta, type Plain, toPlain } from '@tempest/protocol'

/** Header names are lower case; a header that came several times is as Node's `req.headers` joins it. */
export type RequestHeaders = Readonly<Record<string, string | string[] | undefined>>

export interface HttpRequest {
  /** `GET`, `POST`, … as the client sent it. */
  method: string
  /** Path and query as the front's mount point leaves them, percent-encoding untouched. */
  url: string
  /** The prefix that mounting stripped from the url; '' without one. */
  mount: string
  headers: RequestHeaders
  /** Empty where the request had none. */
  body: Buffer
  /** Address of the front's peer, which may be a proxy. */
  remote: string
  /** As the client sent it or, failing that, the job's id. */
  requestId: string
  /** W3C trace context, where the client sent a valid one. */
  traceparent: string | undefined
}

type HeaderValue = string | number | readonly string[]

export type HttpHeaders = Readonly<Record<string, HeaderValue | undefined>>

export interface HttpResponse {
  /** 200 to 599. @defaultValue 200 */
  status?: number | undefined
  /** @defaultValue none */
  headers?: HttpHeaders | undefined
  /** Where it is a Readable, a web ReadableStream, an iterable or an async iterable, it goes out piece by piece. @defaultValue '' */
  body?: string | Uint8Array | StreamBody | undefined
}

/** A string goes out as text/plain in UTF-8, bytes as application/octet-stream; so does what comes piece by piece. Nothing: the handler has used `job.stream`. */
export type HttpResult = string | Uint8Array | HttpResponse | StreamBody

/** Thrown by a handler, ends the request with this status. The message goes to the log, not to the client. */
export class HttpError extends Error {
  readonly status: number

  /** @throws TypeError unless the status is a whole number from 400 to 599. */
  constructor(status: number, message = `status ${status}`, options?: ErrorOptions) {
    if (!Number.isInteger(status) || status < 400 || status > 599) {
      throw new TypeError(`HttpError: use a status from 400 to 599, not ${String(status)}`)
    }
    super(message, options)
    this.name = 'HttpError'
    this.status = status
  }
}

/** A response with a value as JSON. @throws TypeError for what JSON cannot carry. */
export function json(value: unknown, status = 200): HttpResponse {
  const body: unknown = JSON.stringify(value)
  if (typeof body !== 'string') throw new TypeError('json: this value cannot be sent as JSON')
  return { status, headers: { 'content-type': 'application/json' }, body }
}

/** The request of a job, or what is wrong with it. */
export function toRequest(
  args: unknown[],
  id: string,
  meta: Meta | undefined,
): HttpRequest | string {
  const raw = args[0]
  if (typeof raw !== 'object' || raw === null) return 'args[0] is not an object'
  const { method, url, headers: fields, body: bytes, mount, remote } = fieldsOf(raw)
  if (typeof method !== 'string' || method === '') return 'method'
  if (typeof url !== 'string') return 'url'
  const headers = toHeaders(fields)
  if (!headers) return 'headers'
  const body = decodeBytes(bytes)
  if (body === undefined) return 'body'
  return {
    method,
    url,
    mount: typeof mount === 'string' ? mount : '',
    headers,
    body: typeof body === 'string' ? Buffer.from(body) : body,
    remote: typeof remote === 'string' ? remote : '',
    requestId: meta?.request_id ?? id,
    traceparent: meta?.traceparent,
  }
}

/** Read one by one: what came as JSON has own properties only, whatever their names. */
function fieldsOf(raw: object): Partial<Record<keyof HttpRequest, unknown>> {
  return raw
}

function toHeaders(value: unknown): RequestHeaders | undefined {
  if (value === undefined) return {}
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  // Its bytes would be taken for fields.
  if (Buffer.isBuffer(value)) return undefined
  // JSON.parse makes an own property of "__proto__"; nothing that follows may make it a prototype.
  const headers = nullObject()
  for (const [name, text] of Object.entries(value)) {
    if (name === '__proto__') continue
    if (typeof text === 'string') headers[name] = text
    else if (Array.isArray(text)) headers[name] = text.filter((item) => typeof item === 'string')
  }
  return headers
}

function nullObject(): Record<string, string | string[] | undefined> {
  const object: unknown = Object.create(null)
  return object as Record<string, string | string[] | undefined>
}

const textHeaders = '{"content-type":"text/plain; charset=utf-8"}'
const bytesHeaders = '{"content-type":"application/octet-stream"}'

/**
 * A handler's return value as the JSON of `[status, headers, body]`.
 * @throws TypeError for anything that is not a response.
 */
export function encodeResult(result: unknown): string {
  if (typeof result === 'string') return `[200,${textHeaders},${JSON.stringify(result)}]`
  if (result instanceof Uint8Array) {
    return `[200,${bytesHeaders},${JSON.stringify(encodeBytes(result))}]`
  }
  if (typeof result !== 'object' || result === null || Array.isArray(result)) {
    throw new TypeError(`a url handler returned ${describe(result)}, not a response`)
  }
  const { status, headers } = checkHead(result)
  const body: unknown = 'body' in result ? (result.body ?? '') : ''
  if (typeof body === 'string') return `[${status},${headers},${JSON.stringify(body)}]`
  if (body instanceof Uint8Array)
    return `[${status},${headers},${JSON.stringify(encodeBytes(body))}]`
  throw new TypeError(`a url handler returned a body that is ${describe(body)}`)
}

/** The same for MessagePack, where a body is bytes. */
export function plainResult(result: unknown): Plain {
  if (typeof result === 'string') return withBody(200, { value: plainText, size: 0 }, result)
  if (result instanceof Uint8Array) return withBody(200, { value: plainBytes, size: 0 }, result)
  if (typeof result !== 'object' || result === null || Array.isArray(result)) {
    throw new TypeError(`a url handler returned ${describe(result)}, not a response`)
  }
  const status = checkStatus(result)
  const headers = toPlain(checkFields(result))
  if (!headers || headers.size > MAX_HEADERS) throw tooLarge()
  const body: unknown = 'body' in result ? (result.body ?? '') : ''
  if (typeof body === 'string' || body instanceof Uint8Array) return withBody(status, headers, body)
  throw new TypeError(`a url handler returned a body that is ${describe(body)}`)
}

const plainText = new Map([['content-type', 'text/plain; charset=utf-8']])
const plainBytes = new Map([['content-type', 'application/octet-stream']])

function withBody(status: number, headers: Plain, body: string | Uint8Array): Plain {
  const bytes = typeof body === 'string' ? Buffer.from(body) : bufferOf(body)
  return { value: [status, headers.value, bytes], size: headers.size + bytes.length }
}

function bufferOf(bytes: Uint8Array): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** What a handler returned, where it comes piece by piece: the head as JSON, and the body. @throws TypeError as `encodeResult`. */
export function toStreamed(result: unknown): { head: string; body: StreamBody } | undefined {
  if (typeof result !== 'object' || result === null) return undefined
  if (isStreamBody(result)) return { head: `[200,${bytesHeaders}]`, body: result }
  const body: unknown = 'body' in result ? result.body : undefined
  if (!isStreamBody(body)) return undefined
  const { status, headers } = checkHead(result)
  return { head: `[${status},${headers}]`, body }
}

/** `[status, headers]` as JSON. @throws TypeError for what cannot be. */
export function encodeHead(status: unknown, headers: unknown): string {
  const head = checkHead({ status, headers })
  return `[${head.status},${head.headers}]`
}

function checkHead(result: object): { status: number; headers: string } {
  const status = checkStatus(result)
  const headers = JSON.stringify(checkFields(result))
  if (headers.length > MAX_HEADERS) throw tooLarge()
  return { status, headers }
}

function checkStatus(result: object): number {
  const status: unknown = 'status' in result ? (result.status ?? 200) : 200
  if (typeof status !== 'number' || !Number.isInteger(status) || status < 200 || status > 599) {
    throw new TypeError(`a url handler returned status ${String(status)}`)
  }
  return status
}

function checkFields(result: object): object {
  const headers: unknown = 'headers' in result ? (result.headers ?? {}) : {}
  // A Map or fetch's Headers has no properties: taken as an object, it would be no headers at all.
  if (typeof headers !== 'object' || headers === null || Symbol.iterator in headers) {
    throw new TypeError('a url handler returned headers that are no plain object')
  }
  for (const [name, value] of Object.entries(headers)) {
    const fits =
      value === undefined ||
      typeof value === 'string' ||
      (typeof value === 'number' && Number.isFinite(value)) ||
      (Array.isArray(value) && value.every((item) => typeof item === 'string'))
    if (!fits)
      throw new TypeError(`a url handler returned header ${name} that is no text and no number`)
  }
  return headers
}

const MAX_HEADERS = 1024 * 1024

function tooLarge(): TypeError {
  return new TypeError('a url handler returned headers larger than 1 MiB')
}

function describe(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'an array' : `of type ${typeof value}`
}
