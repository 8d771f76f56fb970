/**
 * The loop that pops: take while there are free slots and something may be left, else park.
 *
 * It never holds more begun jobs than slots. A bell heard since the last take began forbids parking; a bell while parked unparks.
 * After any error it waits until every connection is back (each has then killed its predecessor), reads the held lists, begins what
 * it did not know of, and only then pops again. Running → quiet → ended, never backward.
 */
import { type Connections, reasonOf } from '@tempest/protocol'
import { noPops } from './counts.js'
import type { Popped, Taken } from './held.js'
import type { Replies } from './replies.js'
import type { Source } from './source.js'
import { UnbegunJobs } from './unbegun.js'

const FIRST_PAUSE_MS = 50
const MAX_PAUSE_MS = 1000

/** What a worker's presence is to its popping. */
export interface PopperPresence {
  /** Writes the record by which what this worker holds is found when it dies. */
  register(): Promise<void>
  /** Whether this process was away a moment ago: others may have swept what it is about to begin. */
  stalled(): boolean
  /** A held list was read anew. */
  recovered(source: Source): Promise<void>
}

export class Popper {
  readonly counts = noPops()
  readonly #connections: Connections
  readonly #sources: readonly Source[]
  readonly #replies: Replies
  readonly #freeSlots: () => number
  readonly #presence: PopperPresence
  readonly #unbegun: UnbegunJobs
  #state: 'running' | 'quiet' | 'ended' = 'running'
  #troubled = true
  #bell = false
  #parked = false
  #wake: (() => void) | undefined
  #recovered: (() => void)[] = []
  readonly #ended: Promise<void>

  constructor(
    connections: Connections,
    sources: readonly Source[],
    replies: Replies,
    slots: { free: () => number; begin: (popped: Popped, source: Source) => void },
    presence: PopperPresence,
  ) {
    this.#connections = connections
    this.#sources = sources
    this.#replies = replies
    this.#freeSlots = slots.free
    this.#unbegun = new UnbegunJobs(() => this.#mayBegin(), slots.begin)
    this.#presence = presence
    this.#ended = this.#loop()
  }

  get waiting(): number {
    return this.#unbegun.size
  }

  /** Resolves when the loop pops for the first time. */
  whenPopping(): Promise<void> {
    return new Promise((resolve) => this.#recovered.push(resolve))
  }

  /** Something was pushed to high or low, or may have been. */
  ring(): void {
    this.#bell = true
    this.#unpark()
  }

  /** A slot is free. */
  freed(): void {
    this.#unbegun.begin()
    this.#wake?.()
  }

  /** A connection went down; what was under way has an unknown outcome. */
  trouble(): void {
    this.#troubled = true
    for (const source of this.#sources) source.freeze()
    this.#unpark()
    this.#wake?.()
  }

  /** A connection came up. */
  linked(): void {
    if (this.#troubled) this.#unpark()
    this.#wake?.()
  }

  /** Takes no more; resolves when nothing is under way and what was not begun is back in its queue. */
  async quiet(): Promise<void> {
    if (this.#state === 'running') this.#state = 'quiet'
    this.#unpark()
    this.#wake?.()
    await this.#ended
  }

  async #loop(): Promise<void> {
    let pauseMs = FIRST_PAUSE_MS
    while (this.#state === 'running') {
      try {
        if (this.#troubled) await this.#recover()
        else {
          await this.#pop()
          pauseMs = FIRST_PAUSE_MS
        }
      } catch (error) {
        this.#connections.options.logger.warn({ reason: reasonOf(error) }, 'popping broke off')
        this.trouble()
        await new Promise((resolve) => setTimeout(resolve, pauseMs))
        pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)
      }
    }
    await this.#unbegun.giveBack(this.#sources).catch((error: unknown) => {
      const reason = reasonOf(error)
      this.#connections.options.logger.warn({ reason }, 'could not put jobs back before leaving')
    })
    this.#state = 'ended'
  }

  async #pop(): Promise<void> {
    // For these there is no slot: several queues, or a held list, gave more than that. Other workers are to find them.
    if (this.#unbegun.size > 0) await this.#unbegun.giveBack(this.#sources)
    if (this.#freeSlots() <= 0) {
      await this.#sleep()
      return
    }
    this.#bell = false
    for (const source of this.#sources) {
      const free = this.#freeSlots()
      if (free <= 0) return
      // What the last jobs answered leaves in the same write as this call.
      this.#replies.flush()
      const taken = await source.take(free)
      this.counts.takes++
      this.#received(taken, source)
      // The earlier queues come first, always: while one may have more, those behind it wait.
      if (taken.left) return
    }
    await this.#park()
  }

  async #park(): Promise<void> {
    // Replies of this turn would otherwise wait for the next one.
    this.#replies.flush()
    const several = this.#sources.length > 1
    while (this.#mayPark()) {
      const free = this.#freeSlots()
      if (free <= 0) return
      this.#parked = true
      this.counts.parks++
      const parked = this.#sources.map((source) =>
        source.park(several ? 1 : free).then((t) => this.#unparked(t, source)),
      )
      const results = await Promise.allSettled(parked)
      this.#parked = false
      for (const result of results) if (result.status === 'rejected') throw result.reason
      // After a time-out a take looks at high and low as well: a bell may have been lost.
      if (!results.every((result) => result.status === 'fulfilled' && result.value)) return
    }
  }

  #mayPark(): boolean {
    return !this.#bell && this.#state === 'running' && !this.#troubled
  }

  /** One of the parked calls has returned. @returns whether it took all there was, so that parking again needs no take. */
  #unparked(taken: Taken, source: Source): boolean {
    const some = taken.jobs.length > 0
    this.#received(taken, source)
    // The others would keep this loop from taking, and from parking here again, until they time out.
    if (this.#sources.length > 1) this.#unpark()
    return some && !taken.left
  }

  #received(taken: Taken, source: Source): void {
    this.counts.popped += taken.jobs.length
    this.counts.largestTake = Math.max(this.counts.largestTake, taken.jobs.length)
    for (const popped of taken.jobs) this.#unbegun.add(popped, source)
    // The held list says which of them are still this worker's.
    if (taken.jobs.length > 0 && this.#presence.stalled()) this.trouble()
    else this.#unbegun.begin()
  }

  #mayBegin(): boolean {
    return this.#state === 'running' && this.#freeSlots() > 0
  }

  #unpark(): void {
    if (!this.#parked) return
    for (const source of this.#sources) {
      source.unpark().catch((error: unknown) => {
        this.#connections.options.logger.debug({ reason: reasonOf(error) }, 'unpark failed')
      })
    }
  }

  async #recover(): Promise<void> {
    if (!this.#connections.commands.up || this.#sources.some((source) => !source.up)) {
      await this.#sleep()
      return
    }
    this.#troubled = false
    await this.#presence.register()
    for (const source of this.#sources) {
      const unbegun = await source.recover()
      await this.#presence.recovered(source)
      this.#unbegun.replace(source, unbegun)
    }
    this.counts.recoveries++
    this.#replies.flush()
    this.#unbegun.begin()
    for (const resolve of this.#recovered) resolve()
    this.#recovered = []
  }

  #sleep(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined
        resolve()
      }
    })
  }
}
