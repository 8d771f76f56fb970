/**
 * Flow control of a streamed reply that comes through the mailbox: `pause` and `resume` to the mailbox its worker named (P-134).
 *
 * `resume` says how many chunks were taken. A worker that counts on it keeps only so much on its way; one that knows `pause` alone stops
 * and goes on; one that knows neither is stopped by the sink's bound.
 */
import type { Connections } from '../redis/connections.js'
import { pushEntries } from '../redis/answer.js'
import { reasonOf } from '../wire/errors.js'
import { encodePause, encodeResume } from '../wire/verb.js'
import type { StreamedReply } from './streamed.js'

/** With this much unsent its worker is told to pause. */
const HIGH_BYTES = 64 * 1024
/** After this much was taken, or so many chunks, its worker is told so. */
const TELL_BYTES = 64 * 1024
const TELL_CHUNKS = 16

export class Flow {
  readonly #connections: Connections
  readonly #id: string
  readonly mailbox: string
  readonly #streamed: StreamedReply
  #paused = false
  #waiting = false
  /** Bytes since the worker was told how many chunks were taken, and which was the next then. */
  #untold = 0
  #told = 0

  constructor(connections: Connections, id: string, mailbox: string, streamed: StreamedReply) {
    this.#connections = connections
    this.#id = id
    this.mailbox = mailbox
    this.#streamed = streamed
  }

  /** A chunk was written. */
  wrote(bytes: number): void {
    this.#untold += bytes
    const { unsent } = this.#streamed.sink
    if (unsent > HIGH_BYTES && !this.#paused) {
      this.#paused = true
      this.#tell(encodePause(this.#id))
    }
    const chunks = this.#streamed.next - this.#told
    if (this.#untold >= TELL_BYTES || chunks >= TELL_CHUNKS || this.#paused) this.#tellWhenLow()
  }

  /** The worker wants to know, or may have missed what it was told. */
  asked(): void {
    this.#tellWhenLow()
  }

  #tellWhenLow(): void {
    if (this.#waiting) return
    this.#waiting = true
    this.#streamed.sink.whenLow(() => {
      this.#waiting = false
      this.#resume()
    })
  }

  #resume(): void {
    this.#paused = false
    this.#untold = 0
    this.#told = this.#streamed.next
    this.#tell(encodeResume(this.#id, this.#streamed.next))
  }

  #tell(entry: string): void {
    const { commands, options } = this.#connections
    // What is lost the worker asks for again.
    pushEntries(commands, this.mailbox, [entry]).catch((error: unknown) => {
      options.logger.debug({ reason: reasonOf(error) }, 'a worker could not be paused or resumed')
    })
  }
}
