/**
 * Runs popped jobs: finds the handler, gives it what the job says, and turns what comes back into a reply.
 *
 * A job ends exactly once: answered, failed, forwarded, or dropped because nobody waits. Only then is it finished in the
 * held list. Nothing a job or a handler does can stop the loop.
 */
import {
  bootOf,
  type Connections,
  encodeAnswer,
  encodeFail,
  type ErrorCode,
  type Failure,
  type Job,
  type Meta,
  reasonOf,
  statusOf,
  TempestError,
  Wheel,
} from '@tempest/protocol'
import { encodeValue, toArguments } from './action.js'
import { countOne, noJobs } from './counts.js'
import type { Popped } from './held.js'
import { encodeResult, HttpError, toRequest } from './http.js'
import { RunningJob } from './job.js'
import type { Replies } from './replies.js'
import type { Source } from './source.js'

/** A handler of any action; the worker's types narrow it. */
export type AnyHandler = (input: never, job: RunningJob) => unknown

const MAX_REPLY_CHARS = 64 * 1024 * 1024

export class Runner {
  readonly counts = noJobs()
  /** Told of each job that is out of this worker's hands; `over`: it is not tried again. */
  ended: (popped: Popped, over: boolean) => void = () => undefined
  readonly #connections: Connections
  readonly #replies: Replies
  readonly wheel = new Wheel()
  readonly #handlers: ReadonlyMap<string, AnyHandler>
  /** An array, not a Set, which would keep ended jobs in its discarded tables until the next full collection. */
  readonly #running: RunningJob[] = []
  readonly #changed: (source: Source) => void

  /** @param changed called when a job has ended: a slot is free, or a held list can be settled. */
  constructor(
    connections: Connections,
    replies: Replies,
    handlers: ReadonlyMap<string, AnyHandler>,
    changed: (source: Source) => void,
  ) {
    this.#connections = connections
    this.#replies = replies
    this.#handlers = handlers
    this.#changed = changed
  }

  get running(): number {
    return this.#running.length
  }

  /** Nobody waits any more for these base ids. */
  cancel(ids: ReadonlySet<string>): void {
    for (const job of this.#running) if (ids.has(job.base)) job.drop('cancelled')
  }

  /** A node is gone: those of its jobs are meant that somebody waited for. */
  cancelAll(boot: string): void {
    for (const job of this.#running) {
      if (job.respondTo !== null && bootOf(job.base) === boot) job.drop('cancelled')
    }
  }

  /** Ends every running job as far as its client is concerned; the handlers' signals fire. */
  dropAll(): void {
    for (const job of [...this.#running]) {
      job.drop('stopped')
      // One that was handed on is answered by whoever has it now.
      if (job.forwarded) this.#returned(job, '', undefined)
      // Nobody waits for it, so nobody would ask again: it goes back, as if it had not begun.
      else if (job.respondTo === null) {
        this.#remove(job)
        job.popped.begun = false
      } else this.#fail(job, { code: 'STOPPING', status: 503, message: 'the worker stopped' })
    }
  }

  run(job: RunningJob, { action, args, id }: Job, meta: Meta | undefined): void {
    const input = action === 'url' ? toRequest(args, id, meta) : toArguments(args, meta)
    const handler = this.#handlers.get(action)
    job.index = this.#running.push(job) - 1
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
    if (job.index < 0) return
    if (job.forwarded) {
      this.counts.forwarded++
      this.#end(job)
      return
    }
    if (job.dropped) {
      this.counts.cancelled++
      this.#end(job)
      return
    }
    let encoded: string
    try {
      encoded = action === 'url' ? encodeResult(result) : encodeValue(result)
      if (encoded.length > MAX_REPLY_CHARS) throw new RangeError('the reply is larger than 64 MiB')
    } catch (error) {
      this.#threw(job, error)
      return
    }
    this.counts.answered++
    this.#reply(job, () => encodeAnswer(job.id, encoded))
  }

  #threw(job: RunningJob, error: unknown): void {
    if (job.index < 0) return
    if (job.forwarded || job.dropped) {
      this.#returned(job, '', undefined)
    } else if (error instanceof HttpError) {
      this.#fail(job, { code: 'HTTP_ERROR', status: error.status, message: reasonOf(error) })
    } else if (error instanceof TempestError) {
      this.#fail(job, { code: error.code, status: error.status, message: reasonOf(error) })
    } else {
      this.#connections.options.logger.error(
        { id: job.id, queue: job.queue, err: error },
        'a handler threw',
      )
      this.#fail(job, failure('HANDLER_FAILED', reasonOf(error)))
    }
  }

  #fail(job: RunningJob, fail: Failure & { code: ErrorCode }): void {
    countOne(this.counts.failed, fail.code)
    if (job.respondTo === null) {
      this.#remove(job)
      this.#tryLater(job, fail.code)
      return
    }
    this.#reply(job, () => encodeFail(job.id, fail))
  }

  #reply(job: RunningJob, encode: () => string): void {
    if (job.respondTo === null) {
      this.#end(job)
      return
    }
    this.#remove(job)
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
    this.#remove(job)
    this.finish(job.source, job.popped)
  }

  #remove(job: RunningJob): void {
    const last = this.#running.pop()
    if (last && last !== job) {
      this.#running[job.index] = last
      last.index = job.index
    }
    job.index = -1
    job.ended()
  }

  /** It is out of this worker's hands. */
  finish(source: Source, popped: Popped): void {
    source.finish(popped)
    this.ended(popped, true)
    this.#changed(source)
  }
}

function failure(code: ErrorCode, message: string): Failure & { code: ErrorCode } {
  return { code, status: statusOf(code), message }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'then' in value &&
    typeof value.then === 'function'
  )
}
