/** HTTP clients for tests: one that uses node:http, and one that writes and reads bytes as they are. */
import { once } from 'node:events'
import { Agent, type IncomingHttpHeaders, request, type RequestOptions } from 'node:http'
import { connect, type Socket } from 'node:net'
import { until } from '../../../test/helpers/until'
import { atClose } from './serve'

export interface Answer {
  status: number
  reason: string
  version: string
  headers: IncomingHttpHeaders
  rawHeaders: string[]
  body: Buffer
  text: string
}

export interface Question extends RequestOptions {
  body?: string | Buffer | undefined
  agent?: Agent | false
}

/** One request on a connection of its own, unless an agent is given. */
export function ask(port: number, path = '/', question: Question = {}): Promise<Answer> {
  const { body, ...options } = question
  const req = request({ port, host: '127.0.0.1', path, agent: false, ...options })
  const answer = new Promise<Answer>((resolve, reject) => {
    req.on('error', reject)
    req.on('response', (res) => {
      const chunks: Buffer[] = []
      res.on('error', reject)
      res.on('data', (chunk: Buffer) => chunks.push(chunk))
      res.on('end', () => {
        const bytes = Buffer.concat(chunks)
        resolve({
          status: res.statusCode ?? 0,
          reason: res.statusMessage ?? '',
          version: res.httpVersion,
          headers: res.headers,
          rawHeaders: res.rawHeaders,
          body: bytes,
          text: bytes.toString('utf8'),
        })
      })
    })
    req.end(body)
  })
  // Where a test has failed before it awaited this, its connection is cut, and that is nobody's concern.
  answer.catch(() => undefined)
  return answer
}

/** An agent with one connection that is kept. */
export function keepAlive(): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  atClose(() => agent.destroy())
  return agent
}

/** What a problem+json body says. */
export function problemOf(answer: Answer): unknown {
  return JSON.parse(answer.text)
}

/** A TCP connection that says and hears bytes, as latin1. */
export class RawClient {
  readonly socket: Socket
  /** Resolves when it is closed, by either side, orderly or not. */
  readonly closed: Promise<unknown>
  text = ''
  ended = false

  private constructor(socket: Socket) {
    this.socket = socket
    this.closed = new Promise((resolve) => socket.once('close', resolve))
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => (this.text += chunk))
    socket.on('end', () => (this.ended = true))
    socket.on('error', () => undefined) // a reset is an end
    atClose(() => socket.destroy())
  }

  static async open(port: number, allowHalfOpen = false): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen })
    const client = new RawClient(socket)
    await once(socket, 'connect')
    return client
  }

  /** Connects, writes, and waits for the end of the connection. */
  static async tell(port: number, bytes: string | Buffer): Promise<string> {
    const client = await RawClient.open(port)
    client.write(bytes)
    await client.closed
    return client.text
  }

  write(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  /** Resolves when what was heard holds this text, or matches. */
  async hears(expected: string | RegExp, timeoutMs?: number): Promise<void> {
    let searched = 0
    const heard = (): boolean => {
      if (typeof expected !== 'string') return expected.test(this.text)
      const from = Math.max(searched - expected.length, 0)
      searched = this.text.length
      return this.text.includes(expected, from)
    }
    await until(() => heard() || this.socket.destroyed, timeoutMs)
    searched = 0
    if (!heard()) throw new Error(`closed before ${String(expected)}; heard ${this.text}`)
  }

  leave(): void {
    this.socket.destroy()
  }
}

export interface RawResponse {
  line: string
  headers: string
  body: string
}

/** Complete responses with a Content-Length in what was heard, one after the other. */
export function responsesIn(text: string): RawResponse[] {
  const responses: RawResponse[] = []
  let rest = text
  for (;;) {
    const end = rest.indexOf('\r\n\r\n')
    if (end < 0) return responses
    const head = rest.slice(0, end)
    const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0)
    const body = rest.slice(end + 4, end + 4 + length)
    if (body.length < length) return responses
    const [line = '', ...headers] = head.split('\r\n')
    responses.push({ line, headers: headers.join('\n').toLowerCase(), body })
    rest = rest.slice(end + 4 + length)
  }
}

/** A GET as bytes. */
export function get(path: string, ...headers: string[]): string {
  return [`GET ${path} HTTP/1.1`, 'Host: test', ...headers, '', ''].join('\r\n')
}
