/**
 * One coarse deadline wheel for everything in a process that waits: no timer per request.
 *
 * Entries are linked into the slot of their due time and unlinked in O(1) when they end in time, so that what is
 * over holds no memory until its deadline. The timer runs only while something waits. Deadlines are never early
 * and at most one tick late. Times are milliseconds of `performance.now()`.
 */

/** What can wait on a wheel. The wheel owns `slot`, `previous` and `next`; a slot of -1 means: not on a wheel. */
export interface Waiting {
  dueAt: number
  slot: number
  previous: Waiting | undefined
  next: Waiting | undefined
  expire(now: number): void
}

const TICK_MS = 25
const SLOTS = 2048

export class Wheel {
  readonly #slots: (Waiting | undefined)[] = new Array<Waiting | undefined>(SLOTS).fill(undefined)
  readonly #now: () => number
  #size = 0
  #tick = 0
  #timer: NodeJS.Timeout | undefined

  /** @param now the clock in milliseconds; a test gives its own. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  get size(): number {
    return this.#size
  }

  add(entry: Waiting): void {
    if (this.#size++ === 0) this.#start()
    const tick = Math.max(Math.ceil(entry.dueAt / TICK_MS), this.#tick + 1)
    const slot = tick % SLOTS
    const first = this.#slots[slot]
    entry.slot = slot
    entry.previous = undefined
    entry.next = first
    if (first) first.previous = entry
    this.#slots[slot] = entry
  }

  /** Takes an entry off; one that is not on the wheel is left alone. */
  remove(entry: Waiting): void {
    if (entry.slot < 0) return
    if (entry.previous) entry.previous.next = entry.next
    else this.#slots[entry.slot] = entry.next
    if (entry.next) entry.next.previous = entry.previous
    entry.slot = -1
    entry.previous = undefined
    entry.next = undefined
    if (--this.#size === 0) this.#stop()
  }

  /** Expires what is due. Called by the timer; a test calls it by hand. */
  turn(): void {
    const now = this.#now()
    const reached = Math.floor(now / TICK_MS)
    // One slot ahead, since an entry stands at the end of the tick in which it is due; it is visited again.
    const last = reached + 1
    // After a long stall every slot is visited at most once.
    const from = Math.max(this.#tick + 1, last - SLOTS + 1)
    this.#tick = reached
    const due: Waiting[] = []
    for (let tick = from; tick <= last; tick++) {
      for (let entry = this.#slots[tick % SLOTS]; entry; entry = entry.next) {
        if (entry.dueAt <= now) due.push(entry)
      }
    }
    for (const entry of due) {
      // One that expires may end another that is due as well, or put it off.
      if (entry.slot < 0 || entry.dueAt > now) continue
      this.remove(entry)
      entry.expire(now)
    }
  }

  #start(): void {
    this.#tick = Math.floor(this.#now() / TICK_MS)
    this.#timer = setInterval(() => this.turn(), TICK_MS).unref()
  }

  #stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
