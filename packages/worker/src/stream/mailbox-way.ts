/**
 * The way through the front's mailbox: a few pieces at a time, the next ones when Redis has confirmed them, so that they never change their order.
 *
 * The front says in this worker's own mailbox how many chunks its client has taken (docs/protocol.md, P-134); beyond the window the stream waits.
 */
import {
  encodeBytes,
  encodeChunk,
  encodeEnd,
  encodeFail,
  encodeHead,
  type Encoding,
  type Failure,
  packChunk,
} from '@tempest/protocol'
import type { Replies } from '../replies.js'
import type { Chunk } from './flight.js'
import type { Way, WayOwner } from './way.js'

const WINDOW_BYTES = 256 * 1024
/** What goes in one piece of mind: more would keep others of the same turn waiting. */
const GROUP_BYTES = 128 * 1024

export class MailboxWay implements Way {
  readonly #share: () => number
  /** Each is an entry of the front's mailbox, which all its other replies have to pass. */
  readonly maxChunks = 32
  paused = false
  readonly #owner: WayOwner
  readonly #replies: Replies
  /** Of the front, and of this worker. */
  readonly #mailbox: string
  readonly #own: string
  readonly #encoding: Encoding
  #group: (string | Buffer)[] = []
  #bytes = 0
  #unconfirmed = 0
  #last = false
  #closed = false

  /** @param share of what all streams of this worker may have on their way, in bytes */
  constructor(
    owner: WayOwner,
    replies: Replies,
    mailbox: string,
    own: string,
    share: () => number,
    encoding: Encoding,
  ) {
    this.#encoding = encoding
    this.#owner = owner
    this.#replies = replies
    this.#mailbox = mailbox
    this.#own = own
    this.#share = share
  }

  get window(): number {
    return Math.min(WINDOW_BYTES, this.#share())
  }

  get ready(): boolean {
    return this.#unconfirmed === 0 && !this.paused && this.#bytes < GROUP_BYTES
  }

  head(head: string): void {
    this.#group.push(encodeHead(this.#owner.id, head, this.#own, this.#encoding))
  }

  chunk({ n, bytes, length }: Chunk): void {
    const { id } = this.#owner
    if (this.#encoding === 'msgpack') this.#group.push(packChunk(id, bytes, n))
    else {
      const piece = typeof bytes === 'string' ? bytes : encodeBytes(bytes)
      this.#group.push(encodeChunk(id, piece, n))
    }
    this.#bytes += length
  }

  end(count: number): void {
    this.#last = true
    this.#group.push(encodeEnd(this.#owner.id, count, this.#encoding))
  }

  fail(failure: Failure): void {
    this.#last = true
    this.#group.push(encodeFail(this.#owner.id, failure, this.#encoding))
  }

  flush(): void {
    const group = this.#group
    if (group.length === 0) return
    this.#group = []
    this.#unconfirmed = group.length
    for (const entry of group) this.#replies.add(this.#mailbox, entry, () => this.#confirmed())
  }

  /** A repeated head is answered with `resume`, as soon as that is so. */
  ask(head: string): boolean {
    if (this.#unconfirmed > 0) return false
    this.head(head)
    this.flush()
    return true
  }

  close(): void {
    this.#closed = true
  }

  #confirmed(): void {
    if (--this.#unconfirmed > 0 || this.#closed) return
    this.#bytes = 0
    if (this.#last) this.#owner.finished()
    else this.#owner.pump()
  }
}
