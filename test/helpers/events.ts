/**
 * A client of event streams over a bare socket, as strict as a browser's EventSource: any answer but a 200 of the right type ends
 * it for good, a connection that ends is made again with Last-Event-ID. It keeps all it has heard, in order.
 */
import { connect, type Socket } from 'node:net'
import { EventParser } from './event-parser'

export interface Heard {
  /** Of its own block; '' where that had none, as with what is only published live. */
  id: string
  event: string
  data: string
  /** By `performance.now()`. */
  at: number
  /** Which of the subscriber's connections brought it. */
  connection: number
}

interface Connection {
  readonly port: number
  /** 0 before its head is here. */
  status: number
  joined: boolean
  /** What it was told last of when to come back. */
  retryMs: number | undefined
  /** By `performance.now()`; undefined while it is open. */
  endedAt: number | undefined
}

export interface SubscriberOptions {
  /** What it asks for with its first connection. @defaultValue nothing */
  lastEventId?: string | undefined
  /** After how many ms it comes back by itself; 'retry': as it is told. @defaultValue it does not */
  resumeMs?: number | 'retry'
  /** Each time it has joined. */
  joined?: (subscriber: Subscriber) => void
}

/** In which EventSource comes back where it was told nothing. */
const RETRY_MS = 3000
const SLOW_MS = 1000

export class Subscriber {
  readonly events: Heard[] = []
  readonly connections: Connection[] = []
  /** What it asks for with its next connection. */
  lastEventId: string
  /** The first id it was told, or asked for. */
  firstId: string
  retryMs = RETRY_MS
  /** How often it has joined. */
  joins = 0
  /** Why it has given up. */
  failed: string | undefined
  readonly #ports: readonly number[]
  readonly #path: string
  readonly #options: SubscriberOptions
  #socket: Socket | undefined
  #timer: NodeJS.Timeout | undefined
  #reading: NodeJS.Timeout | undefined
  #away = false
  /** By us, for good. */
  closed = false

  /** @param ports it takes them in turn, the next one when it comes back. */
  constructor(ports: readonly number[], path: string, options: SubscriberOptions = {}) {
    this.#ports = ports
    this.#path = path
    this.#options = options
    this.lastEventId = this.firstId = options.lastEventId ?? ''
    this.#connect()
  }

  /** Connected, with a head that is right; it may not have joined yet. */
  get open(): boolean {
    const last = this.connections.at(-1)
    return last?.status === 200 && last.endedAt === undefined
  }

  get joined(): boolean {
    return this.open && this.connections.at(-1)?.joined === true
  }

  /** From now on it reads a byte a second, until `fast`. */
  slow(): void {
    this.#socket?.pause()
    this.#reading = setInterval(() => void this.#socket?.read(1), SLOW_MS)
  }

  fast(): void {
    clearInterval(this.#reading)
    this.#socket?.resume()
  }

  /** Breaks its connection and stays away until `resume`. */
  leave(how?: 'end' | 'reset'): void {
    this.#away = true
    this.#drop(how)
  }

  resume(): void {
    this.#away = false
    this.#connect()
  }

  /** Breaks its connection, for good. */
  close(how?: 'end' | 'reset'): void {
    this.closed = true
    clearTimeout(this.#timer)
    clearInterval(this.#reading)
    this.#drop(how)
  }

  #drop(how: 'end' | 'reset' = 'end'): void {
    if (how === 'reset') this.#socket?.resetAndDestroy()
    else this.#socket?.destroy()
  }

  #connect(): void {
    const { connections } = this
    const port = this.#ports[connections.length % this.#ports.length] ?? 0
    const number = connections.length
    const connection: Connection = {
      port,
      status: 0,
      joined: false,
      retryMs: undefined,
      endedAt: undefined,
    }
    connections.push(connection)
    const parser = this.#parser(connection, number)
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.#socket = socket
    let head = Buffer.alloc(0)
    socket.write(this.#request(port))
    socket.on('data', (bytes: Buffer) => {
      if (connection.status !== 0) {
        parser.push(bytes)
        return
      }
      head = Buffer.concat([head, bytes])
      const end = head.indexOf('\r\n\r\n')
      if (end < 0) return
      this.#readHead(connection, head.toString('latin1', 0, end))
      if (this.failed === undefined) parser.push(head.subarray(end + 4))
    })
    socket.on('error', () => undefined) // it closes then
    socket.on('close', () => {
      connection.endedAt = performance.now()
      const { resumeMs } = this.#options
      const isOver =
        this.closed || this.#away || this.failed !== undefined || this.#socket !== socket
      if (isOver || resumeMs === undefined) return
      const ms = resumeMs === 'retry' ? this.retryMs : resumeMs
      this.#timer = setTimeout(() => this.#connect(), ms)
    })
  }

  #request(port: number): string {
    const lines = [
      `GET ${this.#path} HTTP/1.1`,
      `host: 127.0.0.1:${port}`,
      'accept: text/event-stream',
      'cache-control: no-cache',
    ]
    if (this.lastEventId !== '') lines.push(`last-event-id: ${this.lastEventId}`)
    return `${lines.join('\r\n')}\r\n\r\n`
  }

  #readHead(connection: Connection, head: string): void {
    connection.status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1] ?? -1)
    if (connection.status !== 200) this.#fail(`status ${connection.status}`)
    else if (!/^content-type: text\/event-stream(;|$)/im.test(head)) this.#fail('another type')
    else if (/^(content-length|transfer-encoding):/im.test(head)) this.#fail('a body of a length')
  }

  #fail(why: string): void {
    this.failed = why
    this.#socket?.destroy()
  }

  #parser(connection: Connection, number: number): EventParser {
    let joining = false
    return new EventParser({
      comment: (text) => {
        if (text.trim() === 'joined') joining = true
      },
      retry: (ms) => (this.retryMs = connection.retryMs = ms),
      block: ({ id, event, data }) => {
        if (id !== undefined) {
          this.lastEventId = id
          if (this.firstId === '') this.firstId = id
        }
        if (joining) {
          joining = false
          connection.joined = true
          this.joins++
          this.#options.joined?.(this)
        }
        if (data === undefined) return
        this.events.push({ id: id ?? '', event, data, at: performance.now(), connection: number })
      },
    })
  }
}
