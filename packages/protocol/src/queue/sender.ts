/**
 * All outboxes of a node and their rhythm: whatever is added in one turn of the event loop leaves at its end.
 */
import type { Connections } from '../redis/connections.js'
import type { Priority } from '../wire/keys.js'
import { Outbox, type Outgoing } from './outbox.js'

/** How often to look whether jobs have waited too long for a Redis that is away. */
const AWAY_TICK_MS = 25
/**
 * A turn that adds more jobs than this writes them at once instead of at its end: workers begin while this node still
 * reads requests. Measured with 64 and 256 connections: without it both sides wait for each other's batches.
 */
const EARLY = 16

export class Sender {
  readonly #connections: Connections
  readonly #outboxes = new Map<string, Outbox>()
  #scheduled = false
  #added = 0
  #stopped = false
  #away: NodeJS.Timeout | undefined

  constructor(connections: Connections) {
    this.#connections = connections
    // What others have taken since the last push is not told by itself.
    connections.every(() => Promise.resolve(this.#refresh()))
    connections.onRenewed(() => {
      for (const { backlog } of this.#outboxes.values()) backlog.forget()
    })
  }

  /** The outbox of a queue, made at first use. There are as many as the program names queues. */
  outbox(queue: string): Outbox {
    let outbox = this.#outboxes.get(queue)
    if (!outbox) {
      outbox = new Outbox(queue, this.#connections, () => this.schedule())
      this.#outboxes.set(queue, outbox)
    }
    return outbox
  }

  add(outbox: Outbox, priority: Priority, job: Outgoing): void {
    outbox.add(priority, job)
    if (++this.#added >= EARLY) this.flush()
    else this.schedule()
  }

  cancel(outbox: Outbox, base: string, until: number): void {
    outbox.cancel(base, until)
    this.schedule()
  }

  /** For a queue that this node has pushed to; a name that only came in from outside makes no outbox. */
  cancelKnown(queue: string, base: string, until: number): void {
    const outbox = this.#outboxes.get(queue)
    if (outbox) this.cancel(outbox, base, until)
  }

  /** A worker may have missed what was cancelled before it came. */
  repeatCancels(now: number): void {
    for (const outbox of this.#outboxes.values()) outbox.repeatCancels(now)
    this.schedule()
  }

  get queues(): string[] {
    return [...this.#outboxes.keys()]
  }

  schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.flush()
    })
  }

  /** Writes what waits; what Redis' absence leaves here is looked at until it is gone or too old. */
  flush(): void {
    this.#added = 0
    let left = false
    for (const outbox of this.#outboxes.values()) {
      if (!outbox.hasWork()) continue
      outbox.flush()
      if (this.#stopped) outbox.giveUp()
      if (outbox.hasWork()) left = true
    }
    if (!left) this.#settle()
    else this.#away ??= setInterval(() => this.#waitOn(), AWAY_TICK_MS)
  }

  /** Writes what can be written now and refuses the rest, and what comes back from a connection that breaks. */
  stop(): void {
    this.#stopped = true
    this.flush()
  }

  stats(): Record<string, ReturnType<Outbox['stats']>> {
    return Object.fromEntries([...this.#outboxes].map(([queue, outbox]) => [queue, outbox.stats()]))
  }

  #refresh(): void {
    for (const { backlog } of this.#outboxes.values()) if (backlog.size > 0) backlog.refresh()
  }

  #waitOn(): void {
    const now = performance.now()
    if (!this.#connections.mayPush) {
      for (const outbox of this.#outboxes.values()) outbox.expire(now)
    }
    this.flush()
  }

  #settle(): void {
    clearInterval(this.#away)
    this.#away = undefined
  }
}
