/**
 * A reply that comes in pieces: which attempt it belongs to, which chunk is next, and how whoever writes it is slowed down.
 *
 * Chunks are numbered from 0: a repeat is dropped, a gap breaks it (docs/protocol.md, P-132). It never holds a byte: that is the sink's part.
 */
import type { Flow } from './flow.js'

/** Where the bytes of a streamed reply go: the response to a client. No method may throw. */
export interface StreamSink {
  /** Bytes given to it that its client has not taken. */
  readonly unsent: number
  /** It is whole with its head: nobody waits for the rest. */
  readonly bodiless: boolean
  /** It must be given no more: its client is too slow, or memory is short. */
  readonly full: boolean
  /** @returns why it cannot be part of the reply, if so. */
  write(bytes: string | Buffer): string | undefined
  /** Calls back once, when little is unsent or nobody is there any more; at once where that is so now. */
  whenLow(low: () => void): void
  /** The last chunk was written. @returns why the reply is not whole, if so; then nothing was ended. */
  end(): string | undefined
}

/** A connection that replies come over. It knows them, and forgets each that is over or goes on elsewhere. */
export interface StreamSource {
  forget(reply: StreamedReply): void
}

/** Below this a sink counts as having taken what it was given: a socket buffers as much by itself. */
export const LOW_BYTES = 16 * 1024

export class StreamedReply {
  readonly attempt: number
  readonly sink: StreamSink
  /** Where it comes through the mailbox, and its worker can be told to pause. */
  flow: Flow | undefined
  /** The number of the next chunk. */
  next = 0
  /** Over which connection its worker was heard of last; undefined: by the mailbox. */
  source: StreamSource | undefined
  /** When its worker was heard of last, in ms of the monotonic clock. */
  heardAt: number

  /** What was unsent when it was looked at last, and when that had changed. */
  #unsent = 0
  #movedAt = 0

  constructor(attempt: number, sink: StreamSink, now: number) {
    this.attempt = attempt
    this.sink = sink
    this.heardAt = now
  }

  /** When its worker was heard of, or its client was seen to have taken something, in ms of the monotonic clock. Called now and then. */
  aliveAt(now: number): number {
    const { unsent } = this.sink
    if (unsent !== this.#unsent) this.#movedAt = now
    this.#unsent = unsent
    return Math.max(this.heardAt, this.#movedAt)
  }

  /** @returns whether this chunk is the next one; a repeat is none. */
  accept(n: number): 'next' | 'repeat' | 'gap' {
    if (n > this.next) return 'gap'
    if (n < this.next) return 'repeat'
    this.next++
    return 'next'
  }
}
