/** Two ends of a connection that exists in memory only, each no faster than the other reads. What Node's HTTP asks of a socket is there. */
import { Duplex } from 'node:stream'

export class MemorySocket extends Duplex {
  /** As an application asks for it. */
  readonly remoteAddress: string | undefined
  readonly remotePort = 0
  bytesRead = 0
  #other: MemorySocket | undefined
  #taken: (() => void) | undefined

  private constructor(remoteAddress?: string) {
    super({ allowHalfOpen: true })
    this.remoteAddress = remoteAddress
  }

  /** @param remoteAddress whom the server sees at the other end */
  static pair(remoteAddress: string): { client: MemorySocket; server: MemorySocket } {
    const client = new MemorySocket()
    const server = new MemorySocket(remoteAddress)
    client.#other = server
    server.#other = client
    return { client, server }
  }

  override _read(): void {
    const taken = this.#taken
    this.#taken = undefined
    taken?.()
  }

  override _write(
    bytes: Buffer,
    _encoding: BufferEncoding,
    done: (error?: Error | null) => void,
  ): void {
    const other = this.#other
    if (!other || other.destroyed) {
      done(Object.assign(new Error('the other end is gone'), { code: 'EPIPE' }))
      return
    }
    other.bytesRead += bytes.length
    if (other.push(bytes)) done()
    else other.#taken = done
  }

  override _final(done: () => void): void {
    this.#other?.push(null)
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const taken = this.#taken
    this.#taken = undefined
    taken?.()
    // Whole only if it has ended before; else the other end sees that it was cut.
    const other = this.#other
    setImmediate(() => {
      if (other && !other.destroyed) other.destroy()
    })
    done(error)
  }

  /** There is no network that could fall silent. */
  setTimeout(): this {
    return this
  }

  setNoDelay(): this {
    return this
  }

  setKeepAlive(): this {
    return this
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }
}
