/** A worker's side of a direct connection, made by hand: it says and hears RESP, whole or in any pieces. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { createFront, type Front, type FrontOptions, type WorkOptions } from '@tempest/front'
import { until } from '../../../../test/helpers/until'
import { get, RawClient } from '../client'
import { atClose, Hand, type Popped, serve, type Served } from '../serve'

/** Simple strings, errors and numbers with their sign; a map as a list. */
export type Heard = string | Buffer | null | Heard[]
type Word = string | number | Buffer

export function command(...words: Word[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${words.length}\r\n`)]
  for (const word of words) {
    const bytes = Buffer.isBuffer(word) ? word : Buffer.from(String(word))
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'))
  }
  return Buffer.concat(parts)
}

/** @returns what begins at `at` and where it ends; undefined: it is not whole. */
function parse(bytes: Buffer, at: number): [Heard, number] | undefined {
  const eol = bytes.indexOf('\r\n', at)
  if (eol < 0) return undefined
  const line = bytes.toString('utf8', at, eol)
  const count = Number(line.slice(1))
  const next = eol + 2
  switch (line[0]) {
    case '+':
    case '-':
    case ':':
      return [line, next]
    case '_':
      return [null, next]
    case '$':
      if (count < 0) return [null, next]
      if (bytes.length < next + count + 2) return undefined
      return [Buffer.from(bytes.subarray(next, next + count)), next + count + 2]
    case '*':
    case '%':
      return parseMany(bytes, next, line.startsWith('%') ? 2 * count : count)
    default:
      throw new Error(`that is no reply: ${JSON.stringify(line.slice(0, 100))}`)
  }
}

function parseMany(bytes: Buffer, at: number, count: number): [Heard, number] | undefined {
  const all: Heard[] = []
  for (let i = 0; i < count; i++) {
    const one = parse(bytes, at)
    if (!one) return undefined
    all.push(one[0])
    at = one[1]
  }
  return [all, at]
}

export class RespClient {
  readonly socket: Socket
  readonly closed: Promise<unknown>
  /** All that came, in order. */
  readonly heard: Heard[] = []
  #rest: Buffer = Buffer.alloc(0)
  #asked = 0
  #waiting: { count: number; resolve: () => void }[] = []

  private constructor(socket: Socket) {
    this.socket = socket
    this.closed = new Promise((resolve) => socket.once('close', resolve))
    socket.on('data', (chunk: Buffer) => {
      this.#rest = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk
      let at = 0
      for (let one = parse(this.#rest, at); one; one = parse(this.#rest, at)) {
        this.heard.push(one[0])
        at = one[1]
      }
      this.#rest = this.#rest.subarray(at)
      this.#wake(this.heard.length)
    })
    socket.once('close', () => this.#wake(Infinity))
    socket.on('error', () => undefined) // a reset is an end
    atClose(() => socket.destroy())
  }

  /** @param address as a job has it */
  static async open(address: string): Promise<RespClient> {
    const at = address.lastIndexOf(':')
    const host = address.slice(0, at).replace(/^\[|\]$/g, '')
    const socket = connect({ host, port: Number(address.slice(at + 1)) })
    const client = new RespClient(socket)
    await once(socket, 'connect')
    return client
  }

  get destroyed(): boolean {
    return this.socket.destroyed
  }

  write(bytes: string | Buffer): void {
    this.socket.write(bytes)
  }

  /** Commands in one write; their replies are heard by `reply`. */
  send(...commands: Word[][]): void {
    this.#asked += commands.length
    this.write(Buffer.concat(commands.map((words) => command(...words))))
  }

  /** Resolves when so many replies have come in all, or no more will. */
  hears(count: number): Promise<void> {
    if (this.heard.length >= count || this.destroyed) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push({ count, resolve }))
  }

  #wake(count: number): void {
    const waiting = this.#waiting
    this.#waiting = waiting.filter((each) => each.count > count)
    for (const each of waiting) if (each.count <= count) each.resolve()
  }

  /** The reply with this number, counted from 0. */
  async reply(n: number): Promise<Heard> {
    await this.hears(n + 1)
    const reply = this.heard[n]
    if (reply === undefined) throw new Error(`closed before reply ${n}: ${String(this.heard)}`)
    return reply
  }

  /** One command and its reply; of several commands, the one to the last. Only after all that were sent before. */
  async say(...words: Word[]): Promise<Heard> {
    this.send(words)
    return this.reply(this.#asked - 1)
  }

  /** Replies to all of these, sent in one write. */
  async sayAll(...commands: Word[][]): Promise<Heard[]> {
    const from = this.#asked
    this.send(...commands)
    await this.hears(this.#asked)
    return this.heard.slice(from)
  }
}

export async function addressOf(front: Front): Promise<string> {
  return until(() => front.stats().direct?.address)
}

export interface Direct extends Served {
  address: string
  hand: Hand
}

/** A front that listens for direct replies, where nothing else is said at a free port. */
export async function serveDirect(
  options: FrontOptions & { redis: string },
  work: WorkOptions = {},
): Promise<Direct> {
  const served = await serve({ direct: ':0', ...options }, (front) => front.work('tempest', work))
  return {
    ...served,
    address: await addressOf(served.front),
    hand: new Hand(options.redis),
  }
}

/** A front alone, without HTTP. */
export function bare(options: FrontOptions): Front {
  const front = createFront({ drainMs: 100, ...options })
  atClose(() => front.stop())
  return front
}

export interface Asked {
  client: RawClient
  job: Popped
}

/** A client that asks, and the job it became. */
export async function asks({ port, hand }: Direct, request = get('/')): Promise<Asked> {
  const client = await RawClient.open(port)
  client.write(request)
  return { client, job: await hand.pop() }
}

export const HEAD = JSON.stringify([200, { 'content-type': 'text/plain' }])
const PIECE = Buffer.alloc(256 * 1024, 'x')

/**
 * Begins a stream to a client that does not read, and fills all buffers on the way. The PING behind each chunk has it replied at once.
 * @returns the number of the next chunk
 */
export async function fill(
  { front }: Direct,
  worker: RespClient,
  { client, job }: Asked,
): Promise<number> {
  client.socket.pause()
  await worker.say('head', job.id, HEAD)
  for (let n = 0; n < 100; n++) {
    const [reply] = await worker.sayAll(['chunk', job.id, PIECE, n], ['ping'])
    if (reply !== '+OK') throw new Error(`chunk ${n}: ${String(reply)}`)
    // In the same turn the client may still take some.
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
    if (front.stats().heldBytes > PIECE.length / 2) return n + 1
  }
  throw new Error('it took all')
}
