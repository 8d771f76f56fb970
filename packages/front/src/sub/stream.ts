/**
 * One client's stream of events. It writes to the socket itself: what it has to say is framed already, and a body that ends with its
 * connection needs no chunks (RFC 9112, 6.3).
 */
import type { Socket } from 'node:net'
import type { OnSocket } from '../sockets.js'
import type { Channel } from './channel.js'
import type { Entry } from './entry.js'
import type { Pump, Pumped } from './pump.js'

export interface StreamOwner {
  readonly pump: Pump
  readonly maxBufferBytes: number
  /** It has had its last event of this channel. */
  leave(stream: Stream, channel: Channel): void
  /** It is over. @param slow it was cut because it did not take what it was sent */
  closed(stream: Stream, slow: boolean): void
  wrote(): void
}

const END_MS = 5000
/** More than this of one turn is not gathered but written. */
const WRITE_BYTES = 64 * 1024

export class Stream implements Pumped, OnSocket {
  readonly socket: Socket
  readonly channels: Channel[] = []
  /** History is out, and what comes is written as it comes. */
  live = false
  /** Its channel's batches up to this number are not for it. */
  since = 0
  /** In ms since 1970. */
  expiresAt = Infinity
  /** Which of the heartbeats it belongs to. */
  readonly beat: number
  readonly #owner: StreamOwner
  #waiting: Buffer[] | undefined
  #waitingBytes = 0
  #over = false

  constructor(socket: Socket, beat: number, owner: StreamOwner) {
    this.socket = socket
    this.beat = beat
    this.#owner = owner
  }

  get over(): boolean {
    return this.#over
  }

  write(bytes: Buffer | string): void {
    if (this.#over) return
    if (this.socket.writableLength > this.#owner.maxBufferBytes) {
      this.cut()
      return
    }
    this.#owner.wrote()
    this.socket.write(bytes)
  }

  /** Takes an event of a channel of several, or while it still joins. */
  take(channel: Channel, entry: Entry): void {
    // What is in the log comes with the history.
    if (!this.live && entry.id !== undefined) return
    this.push(entry.bytes)
    if (entry.ends) this.endChannel(channel)
  }

  /** Writes together with what else comes for it in this turn, and behind the history. */
  push(bytes: Buffer): void {
    if (this.#over) return
    this.#waitingBytes += bytes.length
    if (this.#waiting) this.#waiting.push(bytes)
    else {
      this.#waiting = [bytes]
      if (this.live) this.#owner.pump.add(this)
    }
    // While it has not joined nothing is written, so it owes all of it.
    if (!this.live && this.#waitingBytes > this.#owner.maxBufferBytes) this.cut()
    else if (this.live && this.#waitingBytes >= WRITE_BYTES) this.#flush()
  }

  /** Its history is out. @param greeting written behind what came meanwhile */
  join(greeting: string): void {
    this.live = true
    this.pump()
    this.write(greeting)
  }

  pump(): boolean {
    this.#flush()
    if (this.channels.length === 0) this.end()
    return true
  }

  #flush(): void {
    const waiting = this.#waiting
    if (!waiting) return
    this.#waiting = undefined
    this.#waitingBytes = 0
    const [first] = waiting
    this.write(waiting.length === 1 && first ? first : Buffer.concat(waiting))
  }

  /** No more of this channel; of its last one the stream ends. */
  endChannel(channel: Channel): void {
    const at = this.channels.indexOf(channel)
    if (at < 0) return
    this.channels.splice(at, 1)
    this.#owner.leave(this, channel)
    // Where it still joins, that ends it.
    if (this.channels.length === 0 && this.live && !this.#waiting) this.end()
  }

  /** @param last written before */
  end(last?: string): void {
    if (this.#over) return
    if (last !== undefined) this.write(last)
    if (this.over) return
    this.#close(false)
    this.socket.end()
    // One that does not take the end either.
    const timer = setTimeout(() => this.socket.destroy(), END_MS).unref()
    this.socket.once('close', () => clearTimeout(timer))
  }

  left(): void {
    this.#close(false)
  }

  /** It does not take what it is sent. */
  cut(): void {
    this.#close(true)
    this.socket.destroy()
  }

  #close(slow: boolean): void {
    if (this.#over) return
    this.#over = true
    this.#waiting = undefined
    this.#owner.closed(this, slow)
  }
}
