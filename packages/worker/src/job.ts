/**
 * A job as its handler sees it. Its AbortSignal is made only when somebody asks for it.
 */
import {
  checkQueueName,
  type Connections,
  keys,
  type Meta,
  splitId,
  type Waiting,
  type Wheel,
} from '@tempest/protocol'
import type { Popped } from './held.js'
import type { Source } from './source.js'

export interface Job {
  readonly id: string
  /** The queue it was taken from. */
  readonly queue: string
  /** From 1; more after a job was pushed again. */
  readonly attempt: number
  /** Milliseconds of Redis' time, null where nobody set one. */
  readonly deadline: number | null
  /** Fires at the deadline, when the client has left, and when `stop()` runs out of time. */
  readonly signal: AbortSignal
  /**
   * Hands the job on to another queue as it is, with the same `respond_to` and priority; what this handler returns is then ignored.
   * Resolves when Redis has it. @throws TypeError for a bad name; whatever Redis says where it refuses.
   */
  forward(queue: string): Promise<void>
}

export class RunningJob implements Job, Waiting {
  readonly id: string
  readonly base: string
  readonly attempt: number
  readonly deadline: number | null
  readonly respondTo: string | null
  readonly source: Source
  readonly popped: Popped
  readonly #connections: Connections
  readonly #wheel: Wheel
  #controller: AbortController | undefined
  /** Why nobody waits for the result any more; undefined while somebody does. */
  dropped: 'cancelled' | 'deadline' | 'stopped' | undefined
  forwarded = false
  /** Where the runner keeps it; -1 when it has ended. */
  index = -1
  dueAt: number
  slot = -1
  previous: Waiting | undefined = undefined
  next: Waiting | undefined = undefined

  constructor(
    wire: { id: string; respondTo: string | null },
    meta: Meta | undefined,
    popped: Popped,
    source: Source,
    connections: Connections,
    wheel: Wheel,
  ) {
    this.id = wire.id
    const { base, attempt } = splitId(wire.id)
    this.base = base
    this.attempt = attempt
    this.respondTo = wire.respondTo
    this.deadline = meta?.deadline ?? null
    this.popped = popped
    this.source = source
    this.#connections = connections
    this.#wheel = wheel
    this.dueAt =
      this.deadline === null
        ? Infinity
        : performance.now() + connections.clock.untilMs(this.deadline)
  }

  get queue(): string {
    return this.source.queue
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController()
      if (this.dropped) this.#controller.abort(reason(this.dropped))
      else if (this.dueAt < Infinity) this.#wheel.add(this)
    }
    return this.#controller.signal
  }

  async forward(queue: string): Promise<void> {
    const { commands } = this.#connections
    const { priority } = this.popped
    await commands.send('rpush', [keys.queue(checkQueueName(queue), priority), this.popped.raw])
    this.forwarded = true
    if (priority !== 'normal') await commands.send('publish', [keys.bell(queue), ''])
  }

  /** Nobody waits for the result any more. */
  drop(why: 'cancelled' | 'deadline' | 'stopped'): void {
    if (this.dropped) return
    this.dropped = why
    this.#wheel.remove(this)
    this.#controller?.abort(reason(why))
  }

  expire(): void {
    this.drop('deadline')
  }

  /** The handler has ended. */
  ended(): void {
    this.#wheel.remove(this)
  }
}

function reason(why: string): DOMException {
  return new DOMException(`the job was dropped: ${why}`, 'AbortError')
}
