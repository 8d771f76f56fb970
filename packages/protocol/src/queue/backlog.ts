/**
 * How many jobs wait in one queue, as far as this node knows, and how long one more would wait.
 *
 * The replies of its own pushes tell the lengths for nothing. Only where jobs wait are the lists asked for their lengths, at most
 * every `SAMPLE_MS`; so a node that refuses still notices when there is room again. How fast a list drains is seen by its last job: how
 * far that has moved up at the next look, whoever else pushes. If it is still there, the list was never empty in between.
 */
import { DrainRate, ReplyRate } from './drain-rate.js'
import { keys, type Priority, priorities } from '../wire/keys.js'
import type { Link } from '../redis/link.js'

const SAMPLE_MS = 100
const MIN_RETRY_S = 1
const MAX_RETRY_S = 60
/** One job that waits may be one that is just being popped. */
const WAITING = 2
/** A look that took longer was held up in Redis: nobody could drain. Less is mostly this process being busy, when it matters most. */
const SLOW_MS = 1000
/** A job is read and sent again to be found: of large ones only so many bytes a millisecond. */
const MARK_BYTES_PER_MS = 256

interface Mark {
  job: Buffer
  position: number
  at: number
}

class Lane {
  length = 0
  /** Confirmed pushes: a length asked for before the newest of them is older than its reply. */
  pushes = 0
  readonly rate = new DrainRate()
  mark: Mark | undefined
  markDueAt = 0
}

export class Backlog {
  readonly #queue: string
  readonly #commands: Link
  readonly #lanes: Record<Priority, Lane> = {
    high: new Lane(),
    normal: new Lane(),
    low: new Lane(),
  }
  readonly #replies = new ReplyRate()
  #unconfirmed = 0
  #sampledAt = -Infinity
  #sampling = false

  constructor(queue: string, commands: Link) {
    this.#queue = queue
    this.#commands = commands
  }

  /** Jobs waiting, those on their way included. */
  get size(): number {
    const { high, normal, low } = this.#lanes
    return high.length + normal.length + low.length + this.#unconfirmed
  }

  sending(count: number): void {
    this.#unconfirmed += count
  }

  /** Ends what `sending` began; `length` is Redis' reply, undefined where the push failed. */
  sent(priority: Priority, count: number, length: number | undefined): void {
    this.#unconfirmed -= count
    if (length === undefined) return
    const lane = this.#lanes[priority]
    lane.length = length
    lane.pushes++
  }

  /** A reply came: at least one job has left the queue. */
  answered(): void {
    this.#replies.add()
  }

  /** Whether one more would be too many. */
  full(maxBacklog: number): boolean {
    const { size } = this
    if (size * 2 >= maxBacklog) this.refresh()
    return size >= maxBacklog
  }

  /**
   * How long, in ms, one more of this priority would wait. 0 where that is not known, or where nothing drains: then workers are
   * being replaced, and what waits for them may.
   */
  waitMs(priority: Priority, now: number): number {
    const { length, rate } = this.#lanes[priority]
    const size = length + this.#unconfirmed
    if (size < WAITING) return 0
    if (now - this.#sampledAt >= SAMPLE_MS) this.refresh(now)
    if (!rate.known(now)) return 0
    const { high, normal } = this.#lanes
    const before =
      priority === 'high' ? 0 : priority === 'normal' ? high.length : high.length + normal.length
    if (before <= length) return (size * 1000) / rate.perSecond(now)
    // Those before it are in its way for now; how fast it drains meanwhile says little of what comes after.
    const others = priority === 'normal' ? 0 : normal.rate.perSecond(now)
    const drained = rate.perSecond(now) + high.rate.perSecond(now) + others
    return ((before + size) * 1000) / drained
  }

  /** Redis was restarted: nothing of what was known holds. */
  forget(): void {
    for (const priority of priorities) this.#lanes[priority] = new Lane()
    this.#sampledAt = -Infinity
    this.refresh()
  }

  /** Asks Redis for the lengths, unless that was done a moment ago. */
  refresh(now = performance.now()): void {
    if (this.#sampling || !this.#commands.up || now - this.#sampledAt < SAMPLE_MS) return
    this.#sampling = true
    this.#sampledAt = now
    const looks = priorities.map((priority) => this.#look(this.#lanes[priority], priority))
    void Promise.allSettled(looks).finally(() => (this.#sampling = false))
  }

  /** Seconds after which a refused client may try again: the backlog over its drain rate, 1 to 60. */
  get retryAfterS(): number {
    const { size } = this
    if (size === 0) return MIN_RETRY_S
    const now = performance.now()
    const drained = priorities.reduce((sum, each) => sum + this.#lanes[each].rate.perSecond(now), 0)
    const seconds = Math.ceil(size / Math.max(drained, this.#replies.perSecond(now)))
    return Math.min(Math.max(seconds, MIN_RETRY_S), MAX_RETRY_S)
  }

  /** All its commands leave in one write, so that Redis sees one state of the list. */
  async #look(lane: Lane, priority: Priority): Promise<void> {
    const { pushes, mark } = lane
    const key = keys.queue(this.#queue, priority)
    const at = performance.now()
    const marks = at >= lane.markDueAt
    const [length, position, last] = await Promise.allSettled([
      this.#commands.send('llen', [key]),
      marks && mark ? this.#commands.send('lpos', [key, mark.job, 'RANK', -1]) : undefined,
      marks ? this.#commands.send('lindex', [key, -1]) : undefined,
    ])
    const prompt = performance.now() - at < SLOW_MS
    if (length.status === 'rejected') return
    if (pushes === lane.pushes) lane.length = Number(length.value)
    if (!marks) return
    const found = position.status === 'fulfilled' && typeof position.value === 'number'
    if (prompt && mark && found) {
      lane.rate.observe(mark.at, at, mark.position - Number(position.value))
    }
    lane.mark = undefined
    if (!prompt || last.status === 'rejected' || !Buffer.isBuffer(last.value)) return
    lane.mark = { job: last.value, position: Number(length.value) - 1, at }
    lane.markDueAt = at + last.value.length / MARK_BYTES_PER_MS
  }
}
