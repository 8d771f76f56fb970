/**
 * A reply in pieces as its handler writes it: numbers the pieces, keeps what the front has not taken, and lets the handler wait.
 *
 * What is written in one turn of the event loop leaves as one piece. Where a way is lost it goes on along another from the first piece that was
 * not taken: the front drops repeats by their numbers.
 */
import { type Failure, TempestError } from '@tempest/protocol'
import { Asking } from './asking.js'
import { Flight } from './flight.js'
import { Pieces } from './pieces.js'
import type { ReplyStream } from './reply-stream.js'
import type { StreamOwner } from './stream-owner.js'
import { rejected, resolved, Waiter } from './waiter.js'
import type { Way, WayOwner } from './way.js'

const MAX_PENDING_BYTES = 16 * 1024 * 1024

export class OutgoingStream implements ReplyStream, WayOwner {
  readonly id: string
  readonly #head: string
  readonly #owner: StreamOwner
  #way: Way
  readonly #pending = new Pieces()
  readonly #flight = new Flight()
  #headSent = false
  #last: 'none' | 'end' | Failure = 'none'
  #lastSent = false
  /** It was sent along a way that was lost. */
  #lastLost = false
  #over: TempestError | 'finished' | undefined
  /** There is something to be sent. */
  #begun = false
  #scheduled = false
  #told: (() => void) | undefined
  #room: Waiter | undefined
  #done: Waiter | undefined
  readonly #asking = new Asking()

  constructor(id: string, head: string, owner: StreamOwner) {
    this.id = id
    this.#head = head
    this.#owner = owner
    this.#way = owner.chooseWay(this)
  }

  get over(): boolean {
    return this.#over !== undefined
  }

  /** Calls back once it is over. */
  whenOver(told: () => void): void {
    this.#told = told
  }

  /** `end` was called, or `fail`. */
  get ended(): boolean {
    return this.#last !== 'none'
  }

  /** Something has left: the deadline of the job no longer ends it. */
  get begun(): boolean {
    return this.#headSent
  }

  /** Lets the head leave before there is a piece. */
  begin(): this {
    this.#schedule()
    return this
  }

  write(piece: string | Uint8Array): Promise<void> {
    // Copied, since the handler may use its buffer again.
    return this.add(piece instanceof Uint8Array ? Buffer.from(piece) : piece)
  }

  /** The same for a piece that nobody will change. */
  add(piece: string | Buffer): Promise<void> {
    const fault = this.#faultOf(piece)
    if (fault) return rejected(fault)
    this.#pending.add(piece)
    this.#schedule()
    if (this.#pending.bytes + this.#flight.bytes <= this.#way.window) return resolved
    return (this.#room ??= new Waiter()).promise
  }

  end(piece?: string | Uint8Array): Promise<void> {
    const last = piece instanceof Uint8Array ? Buffer.from(piece) : piece
    const fault = this.#faultOf(last ?? '')
    if (fault) return rejected(fault)
    if (last !== undefined) this.#pending.add(last)
    this.#last = 'end'
    this.#schedule()
    return (this.#done ??= new Waiter()).promise
  }

  /** Ends it as a failure, behind what was written. */
  fail(failure: Failure): void {
    if (this.#over !== undefined || this.ended) return
    this.#last = failure
    this.#settle(new TempestError('HANDLER_FAILED', failure.message))
    // Nothing was sent yet: it is a whole reply.
    if (!this.#headSent) {
      this.#headSent = true
      this.#pending.clear()
    }
    this.#schedule()
  }

  cancel(why: string): void {
    if (this.#over !== undefined) return
    this.#close(new TempestError('CANCELLED', `job ${this.id} was dropped: ${why}`))
  }

  taken(count: number): void {
    this.#flight.taken(count)
    this.#asking.answered()
    this.pump()
  }

  finished(): void {
    if (!this.over) this.#close('finished')
  }

  gone(): void {
    if (this.#over !== undefined) return
    // Its end has arrived, and only the reply to that was lost.
    if (this.#lastLost) return this.finished()
    this.cancel('nobody waits for it')
    this.#owner.gone()
  }

  refused(reason: string): void {
    if (this.#over !== undefined) return
    this.cancel(reason)
    this.#owner.refused(reason)
  }

  lost(): void {
    if (this.#over !== undefined) return
    this.#way.close()
    this.#way = this.#owner.chooseWay(this)
    // A failure that is all there is needs no head.
    this.#headSent = this.#headSent && this.#flight.count === 0 && typeof this.#last === 'object'
    this.#flight.again()
    this.#lastLost ||= this.#lastSent
    this.#lastSent = false
    this.pump()
  }

  /** Gives the way what it takes now. */
  pump(): void {
    if (this.#over !== undefined || this.#scheduled || !this.#begun) return
    const way = this.#way
    while (way === this.#way && way.ready && this.#giveOne(way));
    if (way === this.#way) way.flush()
    this.#ask()
    if (this.#room && this.#pending.bytes + this.#flight.bytes <= way.window) {
      const room = this.#room
      this.#room = undefined
      room.resolve()
    }
  }

  /** Called now and then, also for a handler that waits for room where all it wrote bit by bit is on its way. */
  ask(): void {
    this.#ask(this.#room ? true : undefined)
  }

  /** Whoever can say when there is room is asked, again where that may have been lost. */
  #ask(waits = !this.#pending.empty && this.#flight.isFull(this.#way)): void {
    const now = performance.now()
    if (!waits || !this.#asking.isDue(now)) return
    if (this.#asking.isHopeless(now)) this.gone()
    else if (this.#way.ask?.(this.#head) === true) this.#asking.asked(now)
  }

  /** @returns false where there is nothing more to give. */
  #giveOne(way: Way): boolean {
    if (!this.#headSent) {
      this.#headSent = true
      way.head(this.#head)
      return true
    }
    const room = !this.#pending.empty && this.#flight.fits(way)
    const chunk =
      this.#flight.unsent ?? (room ? this.#flight.add(this.#pending.take(way.window)) : undefined)
    if (chunk) {
      this.#flight.sent()
      way.chunk(chunk)
      return true
    }
    if (this.#last === 'none' || this.#lastSent || !this.#pending.empty) return false
    this.#lastSent = true
    if (this.#last === 'end') way.end(this.#flight.count)
    else way.fail(this.#last)
    return false
  }

  #faultOf(piece: unknown): Error | undefined {
    if (this.#over instanceof TempestError) return this.#over
    if (typeof this.#last === 'object') {
      return new TempestError('HANDLER_FAILED', `the reply to ${this.id} has failed`)
    }
    if (this.ended || this.over) return new Error(`the reply to ${this.id} was ended already`)
    // What is refused is missing: the rest must not look whole.
    if (typeof piece !== 'string' && !Buffer.isBuffer(piece)) {
      return this.#refuse(new TypeError('write: use a string or bytes'))
    }
    if (this.#pending.bytes <= MAX_PENDING_BYTES) return undefined
    return this.#refuse(new RangeError('the handler is too far ahead of its client: await write()'))
  }

  #refuse(error: Error): Error {
    this.fail({ code: 'HANDLER_FAILED', message: error.message })
    return error
  }

  #schedule(): void {
    if (this.#scheduled || this.#over !== undefined) return
    this.#begun = this.#scheduled = true
    setImmediate(flushLater, this)
  }

  /** The turn is over. */
  flushNow(): void {
    this.#scheduled = false
    this.pump()
  }

  #close(over: TempestError | 'finished'): void {
    this.#over = over
    this.#pending.clear()
    this.#flight.clear()
    this.#way.close()
    this.#settle(over === 'finished' ? undefined : over)
    this.#told?.()
    const how = typeof this.#last === 'object' ? 'failed' : 'answered'
    this.#owner.closed(this, over === 'finished' ? how : 'cancelled')
  }

  #settle(error: TempestError | undefined): void {
    for (const waiter of [this.#room, this.#done]) {
      if (error) waiter?.reject(error)
      else waiter?.resolve()
    }
    this.#room = this.#done = undefined
  }
}

const flushLater = (stream: OutgoingStream): void => stream.flushNow()
