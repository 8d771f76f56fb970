/**
 * The way of one stream over connections to its front: the shared one while its pieces are small and its client takes them; then one of its own, on
 * which each reply comes when the client has taken the piece (docs/protocol.md, P-141).
 */
import type { Failure } from '@tempest/protocol'
import type { Chunk } from '../stream/flight.js'
import { PIECE_BYTES } from '../stream/pieces.js'
import type { Way, WayOwner } from '../stream/way.js'
import { type Peer, SOON_MS } from './peer.js'
import type { Replied, Wire } from './wire.js'

/** Two pieces: while one waits for the client, the other is on its way. */
const WINDOW_BYTES = 64 * 1024
const ALL_BYTES = 8 * 1024 * 1024
const LEAST_BYTES = 8 * 1024
/** Larger pieces would keep other streams waiting. */
const SHARED_BYTES = 16 * 1024
/** So many pieces of a stream may wait for their replies. */
const MAX_OWED = 8

export class DirectWay implements Way {
  readonly maxChunks = MAX_OWED
  readonly #owner: WayOwner
  readonly #peer: Peer
  #wire: Wire | undefined
  #isOwn = false
  #moving = false
  #owed = 0
  #closed = false
  /** What waits for the connection. */
  #queue: { args: (string | Buffer)[]; replied: Replied }[] = []

  constructor(owner: WayOwner, peer: Peer) {
    this.#owner = owner
    this.#peer = peer
    peer.streams++
    if (peer.ready) {
      this.#wire = peer.shared
      return
    }
    const late = setTimeout(() => this.#lose(), SOON_MS)
    peer.whenKnown(() => {
      clearTimeout(late)
      if (this.#closed) return
      if (!peer.ready) {
        this.#lose()
        return
      }
      this.#wire = peer.shared
      this.#owner.pump()
    })
  }

  /** On the shared connection all of it stands before whatever comes next; on its own it is what the front has to hold. */
  get window(): number {
    const least = this.#isOwn ? PIECE_BYTES : LEAST_BYTES
    return Math.min(WINDOW_BYTES, Math.max(least, ALL_BYTES / this.#peer.streams))
  }

  get ready(): boolean {
    return this.#wire !== undefined && !this.#moving && this.#owed < MAX_OWED
  }

  head(head: string): void {
    this.#send(['head', this.#owner.id, head], (line) => this.#refused(line))
  }

  chunk({ n, bytes, length }: Chunk): void {
    const moves = length > SHARED_BYTES && !this.#isOwn
    if (moves) this.#moving = true
    this.#send(['chunk', this.#owner.id, bytes, String(n)], (line) => {
      if (this.#refused(line)) return
      // Others were kept waiting for it, or it for them.
      if (line === '+SLOW') this.#move()
      this.#owner.taken(n + 1)
    })
    // Behind the chunk: a connection that is there at once takes the next one at once.
    if (moves) this.#lease()
  }

  end(count: number): void {
    this.#last(['end', this.#owner.id, String(count)])
  }

  fail(failure: Failure): void {
    this.#last(['fail', this.#owner.id, JSON.stringify(failure)])
  }

  flush(): void {
    // The connection writes what a turn has brought at its end.
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#peer.streams--
    this.#queue = []
    if (this.#isOwn && this.#wire) this.#peer.giveBack(this.#wire)
  }

  #last(args: string[]): void {
    this.#send(args, (line) => {
      // Where it was said before and the reply was lost, nobody waits any more.
      if (line?.startsWith('-GONE') === true) this.#owner.finished()
      else if (!this.#refused(line)) this.#owner.finished()
    })
  }

  #send(args: (string | Buffer)[], replied: Replied): void {
    if (this.#moving || !this.#wire) {
      this.#queue.push({ args, replied })
      return
    }
    this.#owed++
    this.#wire.send(args, (line) => {
      this.#owed--
      if (this.#closed) return
      replied(line)
      if (this.#moving) this.#lease()
    })
  }

  /** @returns whether it was: the stream is over then, or goes another way. */
  #refused(line: string | undefined): boolean {
    if (line?.startsWith('+') === true) return false
    if (line === undefined) this.#lose()
    else if (line.startsWith('-GONE') || line.startsWith('-FENCED')) this.#owner.gone()
    else this.#owner.refused(line.slice(1))
    return true
  }

  #lose(): void {
    if (!this.#closed) this.#owner.lost()
  }

  /** From now on it has a connection of its own. */
  #move(): void {
    if (this.#isOwn || this.#moving) return
    this.#moving = true
    this.#lease()
  }

  #lease(): void {
    // What is on the shared connection comes first.
    if (this.#owed > 0 || this.#isOwn || this.#closed) return
    this.#isOwn = true
    this.#wire = undefined
    this.#peer.lease((wire) => {
      if (this.#closed) {
        if (wire) this.#peer.giveBack(wire)
        return
      }
      if (!wire) {
        this.#lose()
        return
      }
      this.#wire = wire
      this.#moving = false
      const queue = this.#queue
      this.#queue = []
      for (const { args, replied } of queue) this.#send(args, replied)
      this.#owner.pump()
    })
  }
}
