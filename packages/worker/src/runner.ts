/**
 * Runs popped jobs: finds the handler, gives it what the job says, and turns what comes back into a reply.
 *
 * A job ends exactly once: answered, failed, forwarded, or dropped because nobody waits. Only then is it finished in the
 * held list. Nothing a job or a handler does can stop the loop.
 */
import {
  type Connections,
  encodeFail,
  type ErrorCode,
  type Job,
  type Meta,
  reasonOf,
  Wheel,
} from '@tempest/protocol'
import { toArguments } from './action.js'
import { countOne, noJobs } from './counts.js'
import type { Popped } from './held.js'
import { toRequest, toStreamed } from './http.js'
import type { RunningJob } from './job.js'
import {
  type CodedFailure,
  encodeReply,
  failure,
  failureOf,
  faultOfStream,
  isThenable,
} from './outcome.js'
import type { Replies } from './replies.js'
import { Running } from './running.js'
import type { Source } from './source.js'
import { discard, pour } from './stream/pour.js'
import type { Streams } from './stream/streams.js'

/** A handler of any action; the worker's types narrow it. */
export type AnyHandler = (input: never, job: RunningJob) => unknown

export class Runner {
  readonly counts = noJobs()
  /** Told of each job that is out of this worker's hands; `over`: it is not tried again. */
  ended: (popped: Popped, over: boolean) => void = () => undefined
  readonly #connections: Connections
  readonly #replies: Replies
  readonly #streams: Streams
  readonly wheel = new Wheel()
  readonly #handlers: ReadonlyMap<string, AnyHandler>
  readonly running = new Running()
  readonly #changed: (source: Source) => void

  /** @param changed called when a job has ended: a slot is free, or a held list can be settled. */
  constructor(
    connections: Connections,
    replies: Replies,
    streams: Streams,
    handlers: ReadonlyMap<string, AnyHandler>,
    changed: (source: Source) => void,
  ) {
    this.#connections = connections
    this.#replies = replies
    this.#streams = streams
    streams.ended = (job, how) => {
      // A handler that still runs ends its job itself, unless all was sent.
      if (job.index < 0 || (how === 'cancelled' && !job.returned)) return
      if (how === 'answered') this.counts.answered++
      else if (how === 'cancelled') this.counts.cancelled++
      this.#end(job)
    }
    this.#handlers = handlers
    this.#changed = changed
  }

  /** Ends every running job as far as its client is concerned; the handlers' signals fire. */
  dropAll(): void {
    for (const job of this.running.all()) {
      job.drop('stopped')
      // One that was handed on is answered by whoever has it now.
      if (job.forwarded) this.#returned(job, '', undefined)
      // Nobody waits for it, so nobody would ask again: it goes back, as if it had not begun.
      else if (job.respondTo === null) {
        this.running.remove(job)
        job.popped.begun = false
      } else this.#fail(job, { code: 'STOPPING', status: 503, message: 'the worker stopped' })
    }
  }

  run(job: RunningJob, { action, args, id }: Job, meta: Meta | undefined): void {
    const input = action === 'url' ? toRequest(args, id, meta) : toArguments(args, meta)
    const handler = this.#handlers.get(action)
    if (action === 'url') job.opener = this.#streams
    if (job.direct !== undefined) this.#streams.meet(job)
    this.running.add(job)
    if (!handler) {
      this.#fail(job, failure('NO_HANDLER', `no handler for action ${JSON.stringify(action)}`))
      return
    }
    if (typeof input === 'string') {
      countOne(this.counts.malformed, input)
      this.#fail(job, failure('BAD_REQUEST', `not a request: ${input}`))
      return
    }
    let result: unknown
    try {
      result = Reflect.apply(handler, undefined, [input, job])
      if (isThenable(result)) {
        Promise.resolve(result).then(
          (value) => this.#returned(job, action, value),
          (error: unknown) => this.#threw(job, error),
        )
        return
      }
    } catch (error) {
      this.#threw(job, error)
      return
    }
    this.#returned(job, action, result)
  }

  #returned(job: RunningJob, action: string, result: unknown): void {
    job.returned = true
    if (job.index < 0) discard(result)
    else if (job.forwarded) {
      discard(result)
      this.counts.forwarded++
      this.#end(job)
    } else if (job.dropped) {
      discard(result)
      // Who waits for the rest of it is being told.
      if (job.outgoing?.over === false) return
      this.counts.cancelled++
      this.#end(job)
    } else if (job.outgoing) {
      discard(result)
      const fault = faultOfStream(result, job.outgoing.ended)
      if (fault !== undefined) this.#threw(job, new TypeError(fault))
    } else this.#replyWith(job, action, result)
  }

  #replyWith(job: RunningJob, action: string, result: unknown): void {
    let encoded: string | Buffer
    try {
      const streamed = action === 'url' ? toStreamed(result) : undefined
      if (streamed) {
        this.#pour(job, streamed)
        return
      }
      encoded = encodeReply(job, action, result)
    } catch (error) {
      discard(result)
      this.#threw(job, error)
      return
    }
    this.counts.answered++
    this.#reply(job, () => encoded)
  }

  #pour(job: RunningJob, { head, body }: NonNullable<ReturnType<typeof toStreamed>>): void {
    // Its head waits for the first piece: what fails before that has a status of its own.
    const stream = (job.outgoing = this.#streams.openStream(job, head))
    pour(body, stream).then(
      () => {
        job.returned = true
        if (stream.over) this.#returned(job, '', undefined)
        else void stream.end()
      },
      (error: unknown) => this.#threw(job, error),
    )
  }

  #threw(job: RunningJob, error: unknown): void {
    if (job.forwarded || job.dropped) {
      if (job.index >= 0) this.#returned(job, '', undefined)
      return
    }
    const { failure: fail, expected } = failureOf(error)
    const { id, queue } = job
    const { logger } = this.#connections.options
    if (!expected) logger.error({ id, queue, err: error }, 'a handler threw')
    // Behind the end of its stream it can spoil nothing any more.
    if (job.index >= 0) this.#fail(job, fail)
  }

  #fail(job: RunningJob, fail: CodedFailure): void {
    countOne(this.counts.failed, fail.code)
    if (job.respondTo === null) {
      this.running.remove(job)
      job.outgoing?.cancel('it has failed')
      this.#tryLater(job, fail.code)
      return
    }
    if (job.outgoing) {
      job.returned = true
      job.outgoing.fail(fail)
      return
    }
    this.#reply(job, () => encodeFail(job.id, fail, job.encoding))
  }

  #reply(job: RunningJob, encode: () => string | Buffer): void {
    if (job.respondTo === null) {
      this.#end(job)
      return
    }
    this.running.remove(job)
    this.#replies.add(job.respondTo, encode(), () => this.finish(job.source, job.popped))
    this.#changed(job.source)
  }

  #tryLater({ popped, source }: RunningJob, code: ErrorCode): void {
    source
      .tryLater(popped, code)
      .catch((error: unknown) => {
        source.keep(popped)
        const { logger } = this.#connections.options
        logger.warn({ queue: source.queue, reason: reasonOf(error) }, 'a failed job stays held')
      })
      .finally(() => {
        this.ended(popped, false)
        this.#changed(source)
      })
  }

  #end(job: RunningJob): void {
    this.running.remove(job)
    job.outgoing?.cancel('its job has ended')
    this.finish(job.source, job.popped)
  }

  /** It is out of this worker's hands. */
  finish(source: Source, popped: Popped): void {
    source.finish(popped)
    this.ended(popped, true)
    this.#changed(source)
  }
}
