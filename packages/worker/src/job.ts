/**
 * A job as its handler sees it. Its AbortSignal is made only when somebody asks for it.
 */
import {
  checkQueueName,
  type Connections,
  type Encoding,
  type Job as WireJob,
  keys,
  type Meta,
  splitId,
  type Waiting,
  type Wheel,
} from '@tempest/protocol'
import type { Popped } from './held.js'
import { encodeHead, type HttpHeaders } from './http.js'
import type { OutgoingStream } from './stream/outgoing-stream.js'
import type { ReplyStream } from './stream/reply-stream.js'
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
   * Begins a reply that is made piece by piece, for action `url` only. The handler returns nothing then, after `end`.
   * @param status 200 to 599 @defaultValue 200
   * @throws TypeError for a status or headers that cannot be, for another action and for a second call.
   */
  stream(status?: number, headers?: HttpHeaders): ReplyStream
  /**
   * Hands the job on to another queue as it is, with the same `respond_to` and priority; what this handler returns is then ignored.
   * Resolves when Redis has it. @throws TypeError for a bad name; whatever Redis says where it refuses.
   */
  forward(queue: string): Promise<void>
}

export interface StreamOpener {
  /** @param head `[status, headers]` as JSON */
  openStream(job: RunningJob, head: string): OutgoingStream
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
  /** Since its reply comes in pieces. */
  outgoing: OutgoingStream | undefined
  /** Its handler has returned; what it has written may still be on its way. */
  returned = false
  /** Opens it; undefined where there is none to open, as for actions of one's own. */
  opener: StreamOpener | undefined
  /** Where the front that asked listens itself. */
  readonly direct: string | undefined
  /** How it came, and how replies to it go. */
  readonly encoding: Encoding
  /** Where the runner keeps it; -1 when it has ended. */
  index = -1
  dueAt: number
  slot = -1
  previous: Waiting | undefined = undefined
  next: Waiting | undefined = undefined

  constructor(
    wire: Pick<WireJob, 'id' | 'respondTo' | 'encoding'>,
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
    this.direct = meta?.direct
    this.encoding = wire.encoding ?? 'json'
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

  stream(status = 200, headers: HttpHeaders = {}): ReplyStream {
    if (!this.opener)
      throw new TypeError('job.stream: only the reply to a `url` job can be a stream')
    if (this.outgoing) throw new TypeError('job.stream: the reply has begun already')
    this.outgoing = this.opener.openStream(this, encodeHead(status, headers))
    if (this.dropped) this.outgoing.cancel(this.dropped)
    return this.outgoing.begin()
  }

  async forward(queue: string): Promise<void> {
    if (this.outgoing) throw new TypeError('job.forward: the reply to this job has begun')
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
    // A worker that stops still tells who waits.
    if (why !== 'stopped') this.outgoing?.cancel(why)
    this.#controller?.abort(reason(why))
  }

  expire(): void {
    // Once its reply has begun in time, the front lets it go on.
    if (!this.outgoing?.begun) this.drop('deadline')
  }

  /** The handler has ended. */
  ended(): void {
    this.#wheel.remove(this)
  }
}

function reason(why: string): DOMException {
  return new DOMException(`the job was dropped: ${why}`, 'AbortError')
}
