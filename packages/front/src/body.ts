/**
 * Reads a request's body within its limits: bytes, time, and the memory of the whole front.
 *
 * A body that announces more than allowed is refused before it is read; one that grows beyond is refused at that byte.
 */
import type { IncomingMessage } from 'node:http'
import { TempestError, type Waiting, type Wheel } from '@tempest/protocol'

/** Bytes of bodies held by a front, against its limit. */
export interface Memory {
  bytes: number
  /** Of these, what belongs to replies in pieces: their clients have not taken it, or it is about to be theirs. */
  streamed: number
  readonly full: boolean
  readonly streamsFull: boolean
}

export interface BodyLimits {
  maxBytes: number
  /** Milliseconds of `performance.now()`. */
  dueAt: number
}

/** Whether the request announces a body; `content-length: 0` is none. */
export function hasBody(req: IncomingMessage): boolean {
  const length = req.headers['content-length']
  if (length !== undefined) return length !== '0'
  return req.headers['transfer-encoding'] !== undefined
}

export class BodyReader implements Waiting {
  dueAt: number
  slot = -1
  previous: Waiting | undefined = undefined
  next: Waiting | undefined = undefined
  readonly #req: IncomingMessage
  readonly #wheel: Wheel
  readonly #memory: Memory
  readonly #maxBytes: number
  readonly #done: (body: Buffer | undefined) => void
  readonly #failed: (error: TempestError) => void
  #chunks: Buffer[] = []
  #bytes = 0

  /** Exactly one of `done` and `failed` is called, unless `stop` comes first. */
  constructor(
    req: IncomingMessage,
    limits: BodyLimits,
    wheel: Wheel,
    memory: Memory,
    done: (body: Buffer | undefined) => void,
    failed: (error: TempestError) => void,
  ) {
    this.#req = req
    this.#maxBytes = limits.maxBytes
    this.dueAt = limits.dueAt
    this.#wheel = wheel
    this.#memory = memory
    this.#done = done
    this.#failed = failed
  }

  read(): void {
    const req = this.#req
    if (req.readableDidRead || req.readableEnded) {
      this.#failed(
        new TempestError(
          'BODY_CONSUMED',
          'the request body was read before front.work: mount body parsers behind it or on other paths',
        ),
      )
      return
    }
    if (Number(req.headers['content-length'] ?? 0) > this.#maxBytes) {
      this.#failed(this.#tooLarge())
      return
    }
    this.#wheel.add(this)
    req.on('data', this.#onData)
    req.on('end', this.#onEnd)
    // Middleware that took its time may have paused it; then a listener alone does not make it flow.
    if (req.isPaused()) req.resume()
  }

  /** Lets go of what was read; nothing is called any more. */
  stop(): void {
    this.#wheel.remove(this)
    this.#req.off('data', this.#onData)
    this.#req.off('end', this.#onEnd)
    this.#memory.bytes -= this.#bytes
    this.#bytes = 0
    this.#chunks = []
  }

  expire(): void {
    this.#fail(
      new TempestError('BODY_TIMEOUT', 'the request body did not arrive within the deadline'),
    )
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    this.#memory.bytes += chunk.length
    if (this.#bytes > this.#maxBytes) this.#fail(this.#tooLarge())
    else if (this.#memory.full) {
      this.#fail(
        new TempestError('IN_FLIGHT_FULL', 'request bodies fill the memory (maxHeldBytes)'),
      )
    }
  }

  readonly #onEnd = (): void => {
    const [first] = this.#chunks
    const body = this.#chunks.length > 1 ? Buffer.concat(this.#chunks) : first
    this.stop()
    this.#done(body)
  }

  #fail(error: TempestError): void {
    this.stop()
    this.#failed(error)
  }

  #tooLarge(): TempestError {
    return new TempestError(
      'BODY_TOO_LARGE',
      `the body is larger than ${this.#maxBytes} bytes (maxBodyBytes)`,
    )
  }
}
