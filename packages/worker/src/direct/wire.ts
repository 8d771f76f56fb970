/**
 * One connection to a front's listener: commands go out in one write per turn, each reply finds the one who waits for it, in order.
 *
 * It is ready when the front has said that it is the one meant; it never comes back by itself.
 */
import { connect, type Socket } from 'node:net'
import { reasonOf } from '@tempest/protocol'

export interface WireTerms {
  host: string
  port: number
  /** Which front it must be. */
  front: string
  /** Whose connection it is. */
  own: string
  password: string | undefined
  /** How long, in ms, a chunk may wait for its reply. */
  waitMs: number
}

/** Told of each reply, without its end of line; undefined: the connection has ended before. */
export type Replied = (line: string | undefined) => void

const CONNECT_MS = 1000
const LEAVE_MS = 1000
const MAX_REASON = 100
/** So many replies that have come are let go of at once. */
const MANY = 1000

export class Wire {
  /** Why it was never ready, or is not any more; as far as that is known. */
  reason: string | undefined
  readonly #socket: Socket
  readonly #changed: (wire: Wire) => void
  #state: 'connecting' | 'ready' | 'closed' = 'connecting'
  #out: (string | Buffer)[] = []
  #scheduled = false
  /** Those who wait for replies, from `#first` on. */
  #waiting: Replied[] = []
  #first = 0
  #line = ''
  /** Since when it has owed a reply, in ms of the monotonic clock; 0: it owes none. */
  #owesSince = 0

  /** @param changed called when it is ready, and when it is closed */
  constructor(terms: WireTerms, changed: (wire: Wire) => void) {
    this.#changed = changed
    this.#socket = connect({ host: terms.host, port: terms.port, noDelay: true, keepAlive: true })
    const late = setTimeout(() => this.close(`nothing within ${CONNECT_MS} ms`), CONNECT_MS)
    this.#socket.once('close', () => {
      clearTimeout(late)
      this.#ended()
    })
    this.#socket.on('error', (error) => (this.reason ??= reasonOf(error)))
    this.#socket.on('data', (chunk) => this.#read(chunk.toString('latin1')))
    const heed: Replied = (line) => {
      if (line?.startsWith('-') === true) this.reason ??= line.slice(1, MAX_REASON)
    }
    if (terms.password !== undefined) this.send(['auth', terms.password], heed)
    this.send(['wait', String(terms.waitMs)], ignore)
    this.send(['node', terms.own], (line) => {
      clearTimeout(late)
      heed(line)
      // Another front may listen there by now.
      if (line !== `+${terms.front}`) this.close('another front listens there')
      else if (this.#state === 'connecting') {
        this.#state = 'ready'
        this.#changed(this)
      }
    })
    this.flush()
  }

  get ready(): boolean {
    return this.#state === 'ready'
  }

  get closed(): boolean {
    return this.#state === 'closed'
  }

  /** How many replies are waited for. */
  get owed(): number {
    return this.#waiting.length - this.#first
  }

  owesMs(now: number): number {
    return this.#owesSince === 0 ? 0 : now - this.#owesSince
  }

  send(args: readonly (string | Buffer)[], replied: Replied): void {
    if (this.#state === 'closed') {
      replied(undefined)
      return
    }
    let text = `*${args.length}\r\n`
    for (const arg of args) {
      text += `$${Buffer.byteLength(arg)}\r\n`
      if (typeof arg === 'string') text += `${arg}\r\n`
      else {
        this.#out.push(text, arg)
        text = '\r\n'
      }
    }
    this.#out.push(text)
    this.#waiting.push(replied)
    if (this.#owesSince === 0) this.#owesSince = performance.now()
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => this.flush())
  }

  /** Writes what waits now, instead of at the end of the turn. */
  flush(): void {
    this.#scheduled = false
    const out = this.#out
    if (out.length === 0 || this.#state === 'closed') return
    this.#out = []
    if (out.every((part) => typeof part === 'string')) {
      this.#socket.write(out.join(''))
      return
    }
    this.#socket.cork()
    for (const part of out) this.#socket.write(part)
    this.#socket.uncork()
  }

  /** Ends it at once. */
  close(reason = 'it was closed'): void {
    this.reason ??= reason
    this.#socket.destroy()
    this.#ended()
  }

  /** Says that it leaves: nobody is to think that its node has died. */
  leave(): void {
    this.send(['quit'], ignore)
    this.flush()
    this.#socket.end()
    // A front that does not answer must not keep this process.
    this.#socket.unref()
    setTimeout(() => this.#socket.destroy(), LEAVE_MS).unref()
  }

  #read(text: string): void {
    const lines = (this.#line + text).split('\r\n')
    this.#line = lines.pop() ?? ''
    for (const line of lines) this.#waiting[this.#first++]?.(line)
    if (this.#first >= this.#waiting.length) {
      this.#waiting = []
      this.#first = 0
      this.#owesSince = 0
    } else {
      this.#owesSince = performance.now()
      if (this.#first > MANY) {
        this.#waiting.splice(0, this.#first)
        this.#first = 0
      }
    }
    this.flush()
  }

  #ended(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    const waiting = this.#waiting.slice(this.#first)
    this.#waiting = []
    this.#first = 0
    for (const replied of waiting) replied(undefined)
    this.#changed(this)
  }
}

function ignore(): void {
  // What it says shows in what comes next.
}
