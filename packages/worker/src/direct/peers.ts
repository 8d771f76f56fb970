/** The fronts that a worker reaches directly, by address. One that cannot be reached is left alone for a while: the mailbox does as well. */
import { bootOf, type Logger } from '@tempest/protocol'
import { Peer } from './peer.js'

/** A front that could not be reached is tried again after so long, in ms. */
const AGAIN_MS = 5000
/** … and longer and longer. */
const MAX_AGAIN_MS = 300_000
/** A front from which no job has come for so long is left, in ms. */
const IDLE_MS = 60_000
/** An address is a host, in brackets where it has colons itself, and a port. */
const address = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/

export class Peers {
  readonly #own: string
  readonly #password: string | undefined
  readonly #logger: Logger
  readonly #peers = new Map<string, Peer>()
  /** Address and front → until when they are left alone, and for how long the next time. */
  readonly #shunned = new Map<string, { until: number; nextMs: number }>()
  #stopped = false

  constructor(own: string, password: string | undefined, logger: Logger) {
    this.#logger = logger
    this.#own = own
    this.#password = password
  }

  /** The front that a job comes from, where it can be reached. */
  of(direct: string, base: string): Peer | undefined {
    if (this.#stopped) return undefined
    const known = this.#peers.get(direct)
    const front = bootOf(base)
    if (known?.front === front && !known.over) {
      known.usedAt = performance.now()
      return known
    }
    const [, six, host = six, port] = address.exec(direct) ?? []
    if (host === undefined || Number(port) > 65_535) return undefined
    const key = `${direct} ${front}`
    if ((this.#shunned.get(key)?.until ?? 0) > performance.now()) return undefined
    const terms = { host, port: Number(port), front, own: this.#own, password: this.#password }
    const peer = new Peer(terms, (reason) => {
      if (this.#peers.get(direct) === peer) this.#peers.delete(direct)
      const ms = this.#shunned.get(key)?.nextMs ?? AGAIN_MS
      const nextMs = Math.min(2 * ms, MAX_AGAIN_MS)
      this.#shunned.set(key, { until: performance.now() + ms, nextMs })
      const now = 'a front cannot be reached directly: its replies go through its mailbox'
      this.#logger.warn({ direct, front, reason, ms }, now)
    })
    this.#peers.set(direct, peer)
    // Another front has taken the address over.
    known?.leave()
    return peer
  }

  /** Called once a second. */
  look(): void {
    const now = performance.now()
    for (const [key, { until }] of this.#shunned) {
      if (until + 2 * MAX_AGAIN_MS < now) this.#shunned.delete(key)
    }
    for (const [direct, peer] of this.#peers) {
      if (now - peer.usedAt > IDLE_MS && !peer.busy) {
        this.#peers.delete(direct)
        peer.leave()
      } else peer.look(now)
    }
  }

  stop(): void {
    this.#stopped = true
    const peers = [...this.#peers.values()]
    this.#peers.clear()
    for (const peer of peers) peer.leave()
  }
}
