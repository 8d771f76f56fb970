/** One event of the log, or one that was published live: encoded once, when somebody here wants it. */
import { encodeGap, encodeMessage, readMessage } from './message.js'

export class Entry {
  /** Undefined: published live. */
  readonly id: string | undefined
  readonly channel: string
  readonly payload: Buffer
  /** Of the payload as it came, in bytes. */
  readonly length: number
  readonly #tooLarge: boolean
  #encoded: { bytes: Buffer; ends: boolean } | undefined

  constructor(id: string | undefined, channel: string, payload: Buffer, maxBytes: number) {
    this.id = id
    this.channel = channel
    this.length = payload.length
    this.#tooLarge = payload.length > maxBytes
    // What nobody may be sent is not kept either.
    this.payload = this.#tooLarge ? Buffer.alloc(0) : payload
  }

  /** As a server-sent event. */
  get bytes(): Buffer {
    return this.#encode().bytes
  }

  /** The channel ends with it. */
  get ends(): boolean {
    return this.#encode().ends
  }

  /** What keeping it costs, about. */
  get size(): number {
    return this.payload.length + (this.#encoded?.bytes.length ?? 0) + 200
  }

  #encode(): { bytes: Buffer; ends: boolean } {
    if (this.#encoded) return this.#encoded
    if (this.#tooLarge) this.#encoded = { bytes: encodeGap('size', this.id), ends: false }
    else {
      const message = readMessage(this.payload)
      this.#encoded = { bytes: encodeMessage(this.id, message), ends: message.ends }
    }
    return this.#encoded
  }
}
