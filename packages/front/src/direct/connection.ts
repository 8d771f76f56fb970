/**
 * One connection of the direct listener: commands in, replies out in their order.
 *
 * The reply to a chunk waits until the client has taken it; meanwhile nothing more of that stream is read, and TCP slows its worker down. At the
 * first command about anything else, or when it has waited for long enough, it is given all the same: others must not wait for a slow client.
 */
import type { Socket } from 'node:net'
import type { Entry } from '@tempest/protocol'
import type { ConnectionOwner } from './connection-owner.js'
import { answerHandshake } from './handshake.js'
import { COMMAND_MS, FREE_BYTES, KNOWN, SLOW_MS, STRANGER, STRANGER_MS, WAIT_MS } from './limits.js'
import { Output } from './output.js'
import { readOwn } from './own-commands.js'
import { CommandParser, ProtocolError } from './parser.js'
import { GONE, type Held, type Replier } from './replier.js'
import { error, OK, type Reply, simple } from './resp.js'
import { newSession, type Session } from './session.js'
import { readVerb } from './verbs.js'

const SLOW = simple('SLOW')

export class DirectConnection {
  readonly replier: Replier
  /** Whose it is, once it has said so. */
  boot: string | undefined
  /** It said that it would leave, or was sent away. */
  meant = false
  readonly #socket: Socket
  readonly #owner: ConnectionOwner
  readonly #session: Session
  readonly #parser = new CommandParser(KNOWN)
  /** Since when it has not said the password. */
  #strangeSince = Infinity
  readonly #out: Output
  #held: Held | undefined
  #heldAt = 0
  /** Has come behind a held chunk of the same stream. */
  #behind: Entry | undefined
  #waitMs = WAIT_MS
  /** It has said how long it waits, so it knows what SLOW means. */
  #knowsSlow = false
  #running = false
  /** Since when a command has been unfinished; 0: none is. */
  #partialAt = 0
  #counted = 0
  /** It has ended its side: what came before is taken still, as Redis does. */
  #saidAll = false

  constructor(socket: Socket, id: number, replier: Replier, owner: ConnectionOwner) {
    this.#socket = socket
    this.#owner = owner
    this.#out = new Output(socket)
    this.replier = replier
    this.#session = newSession(id, owner.facts)
    this.#limit()
    socket.setNoDelay(true)
    socket.setKeepAlive(true, 30_000)
    socket.on('data', (chunk) => this.#feed(chunk))
    socket.on('drain', () => this.#goOn())
    socket.on('end', () => {
      this.#saidAll = true
      owner.left(this)
      this.#run()
    })
    // The end of the connection says the same.
    socket.on('error', () => undefined)
    socket.once('close', () => {
      this.#held = this.#behind = undefined
      this.#owner.holds(-this.#counted)
      this.#owner.ended(this)
    })
  }

  /** Called a few times a second. */
  look(now: number): void {
    this.#out.look(now)
    if (this.#out.ending) return
    if (!this.#session.authenticated && now - this.#strangeSince > STRANGER_MS) {
      this.refuse('say the password sooner')
    } else if (this.#partialAt > 0 && now - this.#partialAt > COMMAND_MS) {
      this.refuse('finish a command sooner')
    } else if (this.#held && now - this.#heldAt >= this.#waitMs) {
      this.#release(this.#held, false)
    }
  }

  /** Sends it away. */
  refuse(reason: string): void {
    this.meant = true
    this.#out.push(error(reason))
    this.#end()
  }

  /** Since when it has waited for a client, where that is slow; Infinity: it does not. */
  slowSince(now: number): number {
    return this.#held && now - this.#heldAt > SLOW_MS ? this.#heldAt : Infinity
  }

  /** Cuts the client it waits for. */
  overrun(): void {
    if (this.#held) this.replier.overrun(this.#held)
  }

  /** Nothing more of it is read just now: its end would not be noticed. */
  get blocked(): boolean {
    return this.#behind !== undefined
  }

  destroy(): void {
    this.meant = true
    this.#socket.destroy()
  }

  #feed(chunk: Buffer): void {
    if (this.#out.ending) return
    this.#parser.feed(chunk)
    if (this.#behind || this.#out.full) this.#socket.pause()
    this.#run()
  }

  #goOn(): void {
    this.#socket.resume()
    this.#run()
  }

  /** Takes commands until there is none, or one that has to wait. */
  #run(): void {
    if (this.#running || this.#socket.destroyed || this.#out.ending) return
    this.#running = true
    try {
      while (!this.#behind && !this.#out.full && this.#next());
    } catch (thrown) {
      if (!(thrown instanceof ProtocolError)) throw thrown
      if (this.#held) this.#release(this.#held, false)
      this.#out.push(error(`Protocol error: ${thrown.message}`))
      this.#session.closing = this.meant = true
    } finally {
      this.#running = false
    }
    this.#flush()
    this.#count()
  }

  /** @returns false where no whole command is there. */
  #next(): boolean {
    const args = this.#parser.next()
    if (!args) return false
    this.#partialAt = 0
    const entry = this.#session.authenticated ? readVerb(args) : undefined
    if (typeof entry === 'object') {
      if (this.#held && 'id' in entry && entry.id === this.#held.id) this.#behind = entry
      else this.#take(entry)
      return true
    }
    if (this.#held) this.#release(this.#held, false)
    this.#out.push(entry === undefined ? this.#answer(args) : error(entry))
    return !this.#session.closing
  }

  #take(entry: Entry): void {
    if (this.#held) this.#release(this.#held, false)
    const reply = this.replier.take(entry)
    if (this.#owner.legacy && entry.verb === 'answer') this.#out.push(OK)
    else if (typeof reply === 'string') this.#out.push(reply)
    else this.#hold(reply)
  }

  #answer(args: readonly Buffer[]): Reply {
    const reply = answerHandshake(args, this.#session, this.#owner.facts)
    this.#limit()
    if (this.#session.closing) this.meant = true
    if (reply !== undefined) return reply
    const own = readOwn(args)
    if ('refused' in own) return own.refused
    if ('boot' in own) return this.#announce(own.boot)
    this.#waitMs = own.waitMs
    this.#knowsSlow = true
    return OK
  }

  #announce(boot: string): Reply {
    if (this.boot !== undefined && this.boot !== boot) return error('it has another boot already')
    if (this.boot === undefined) this.#owner.announced(boot, this)
    this.boot = boot
    return simple(this.#owner.facts.boot)
  }

  #hold(held: Held): void {
    this.#held = held
    this.#heldAt = performance.now()
    held.sink.whenLow(() => {
      if (this.#held === held) this.#release(held, true)
    })
  }

  /** The reply to a held chunk. @param taken its client has it, or has left */
  #release(held: Held, taken: boolean): void {
    this.#held = undefined
    if (!held.waits()) this.#out.push(GONE)
    else this.#out.push(taken || !this.#knowsSlow ? OK : SLOW)
    if (this.#running) return
    const behind = this.#behind
    this.#behind = undefined
    if (behind) this.#take(behind)
    this.#goOn()
  }

  #flush(): void {
    this.#out.flush()
    const done = this.#saidAll && !this.#held && !this.#out.full
    if (this.#session.closing || done) this.#end()
  }

  #end(): void {
    this.#held = this.#behind = undefined
    this.#out.end()
  }

  #limit(): void {
    const { authenticated } = this.#session
    if (authenticated === (this.#strangeSince === Infinity)) return
    this.#strangeSince = authenticated ? Infinity : performance.now()
    this.#owner.strange(this, !authenticated)
    this.#parser.limits = authenticated ? KNOWN : STRANGER
  }

  #count(): void {
    const behind = this.#behind?.verb === 'chunk' ? this.#behind.bytes.length : 0
    const bytes = this.#parser.bytes + behind + this.#out.bytes
    if (this.#parser.bytes === 0 || this.#behind) this.#partialAt = 0
    else if (this.#partialAt === 0) this.#partialAt = performance.now()
    if (bytes === this.#counted) return
    const fits = this.#owner.holds(bytes - this.#counted)
    this.#counted = bytes
    // What waits behind a client is no more than one read has brought; whoever is slowest gives way to it.
    const waits = this.#held !== undefined || this.#out.full
    if (!fits && !waits && bytes > FREE_BYTES) this.refuse('too much is being sent here; try again')
  }
}
