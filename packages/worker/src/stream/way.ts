/** How the pieces of a streamed reply get to the front that waits for it. */
import type { Failure } from '@tempest/protocol'
import type { Chunk } from './flight.js'

/**
 * The way of one stream. It tells the stream what became of what it was given: `taken`, `finished`, `gone`, or `lost`, after which it is
 * used no more.
 */
export interface Way {
  /** How many bytes may be under way at once, and how many chunks. */
  readonly window: number
  readonly maxChunks: number
  /** It takes something more now; else it calls `pump` of the stream when it does. */
  readonly ready: boolean
  /** The front has said that it is to wait. */
  readonly paused?: boolean
  /** `[status, headers]` as JSON. */
  head(head: string): void
  chunk(chunk: Chunk): void
  end(count: number): void
  fail(failure: Failure): void
  /** What was given since the last call may leave. */
  flush(): void
  /** The stream waits for chunks to be taken. @returns whether it was asked when they are. */
  ask?(head: string): boolean
  /** The stream is over. */
  close(): void
}

/** What a way tells its stream. */
export interface WayOwner {
  readonly id: string
  /** The front has taken all chunks before this number. */
  taken(count: number): void
  /** The end, or the failure, has arrived. */
  finished(): void
  /** Nobody waits for it any more. */
  gone(): void
  /** The front refused it, and says why. */
  refused(reason: string): void
  /** The way is blocked: what was not taken has to go another. */
  lost(): void
  pump(): void
}

/** Where nobody waits for a reply. */
export class Nowhere implements Way {
  readonly window = Infinity
  readonly maxChunks = Infinity
  readonly ready = true
  readonly #owner: WayOwner

  constructor(owner: WayOwner) {
    this.#owner = owner
  }

  head(): void {
    // Nobody reads it.
  }

  chunk({ n }: Chunk): void {
    this.#owner.taken(n + 1)
  }

  end(): void {
    this.#owner.finished()
  }

  fail(): void {
    this.#owner.finished()
  }

  flush(): void {
    // There is nothing to be written.
  }

  close(): void {
    // Nothing is open.
  }
}
