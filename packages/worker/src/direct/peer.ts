/**
 * One front as a worker reaches it directly: a connection that all its streams share while they are slow enough, and others that one stream has
 * for itself while it is not.
 *
 * The shared one stays while there are jobs of that front, whatever they are: by its end the front knows at once that this worker has died.
 */
import { Wire, type WireTerms } from './wire.js'

export interface PeerTerms {
  host: string
  port: number
  front: string
  own: string
  password: string | undefined
}

/** A chunk on the shared connection waits so long at the most: it is not to keep others waiting. */
const SHARED_WAIT_MS = 1000
/** On one of its own it waits for as long as its client is there. */
const OWN_WAIT_MS = 3_600_000
/** The shared connection owes no reply for longer, in ms, unless the front cannot be reached. */
const SILENCE_MS = 3000
export const SOON_MS = 100
const MAX_IDLE = 32
/** After so many connections in a row that did not last, the mailbox has to do. */
const AGAIN_MS = [0, 50, 500]

export class Peer {
  readonly #terms: PeerTerms
  readonly #gone: (reason: string) => void
  #shared: Wire
  readonly #idle: Wire[] = []
  readonly #own = new Set<Wire>()
  #waiting: (() => void)[] = []
  #failures = 0
  #connectingAt = 0
  #over = false
  /** When a job of that front came last, in ms of the monotonic clock. */
  usedAt = performance.now()
  /** How many go this way now. */
  streams = 0

  /** @param gone called once, when the front cannot be reached any more */
  constructor(terms: PeerTerms, gone: (reason: string) => void) {
    this.#terms = terms
    this.#gone = gone
    this.#shared = this.#connect()
  }

  get front(): string {
    return this.#terms.front
  }

  get shared(): Wire {
    return this.#shared
  }

  get ready(): boolean {
    return this.#shared.ready
  }

  /** It is ready, or has been connecting for so short a time that a stream may wait for it. */
  get soon(): boolean {
    return this.ready || performance.now() - this.#connectingAt < SOON_MS
  }

  /** Streams may be under way. */
  get busy(): boolean {
    return this.#own.size > this.#idle.length || this.streams > 0
  }

  /** Calls back, in another turn, when it is ready or cannot be. */
  whenKnown(known: () => void): void {
    if (this.ready || this.#over) queueMicrotask(known)
    else this.#waiting.push(known)
  }

  /** It cannot be reached, or was left. */
  get over(): boolean {
    return this.#over
  }

  /** A connection for one stream; undefined where there is none to be had. */
  lease(leased: (wire: Wire | undefined) => void): void {
    const idle = this.#idle.pop()
    if (idle) {
      leased(idle)
      return
    }
    let told = false
    const wire: Wire = new Wire({ ...this.#terms, waitMs: OWN_WAIT_MS }, () => {
      if (wire.closed) {
        this.#own.delete(wire)
        const at = this.#idle.indexOf(wire)
        if (at >= 0) this.#idle.splice(at, 1)
      }
      if (told) return
      told = true
      leased(wire.ready ? wire : undefined)
    })
    this.#own.add(wire)
  }

  /** A stream needs its connection no more. One that still owes a reply cannot be another's. */
  giveBack(wire: Wire): void {
    if (wire.closed) return
    if (wire.owed > 0) wire.close()
    else if (this.#idle.length >= MAX_IDLE || this.#over) wire.leave()
    else this.#idle.push(wire)
  }

  /** Called once a second. */
  look(now: number): void {
    const wire = this.#shared
    if (wire.owesMs(now) > SILENCE_MS) {
      // After a long turn of this process its timers come before what has arrived meanwhile.
      setTimeout(() => {
        if (wire === this.#shared && wire.owesMs(now) > SILENCE_MS)
          this.#fail(`it has said nothing for ${SILENCE_MS} ms`)
      }, SOON_MS).unref()
    } else if (this.ready && wire.owed === 0) wire.send(['ping'], () => undefined)
  }

  /** Says to the front that this worker leaves. */
  leave(): void {
    this.#over = true
    for (const wire of [...this.#own, this.#shared]) wire.leave()
    this.#tellKnown()
  }

  #connect(): Wire {
    this.#connectingAt = performance.now()
    const terms: WireTerms = { ...this.#terms, waitMs: SHARED_WAIT_MS }
    return new Wire(terms, (wire) => {
      if (wire.closed) this.#broke(wire.reason)
      else {
        this.#failures = 0
        this.#tellKnown()
      }
    })
  }

  #broke(reason = 'it ended the connection'): void {
    if (this.#over) return
    const ms = AGAIN_MS[this.#failures++]
    if (ms === undefined) {
      this.#fail(reason)
      return
    }
    setTimeout(() => {
      if (!this.#over) this.#shared = this.#connect()
    }, ms).unref()
  }

  /** It cannot be reached: what goes over its other connections is stuck, too. */
  #fail(reason: string): void {
    if (this.#over) return
    this.#over = true
    // First, so that streams which lose their connections are given none of this front again.
    this.#gone(reason)
    for (const wire of [...this.#own, this.#shared]) wire.close()
    this.#tellKnown()
  }

  #tellKnown(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const known of waiting) known()
  }
}
