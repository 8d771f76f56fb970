/**
 * From a popped entry to a job that runs: decoded, or buried; dropped where nobody waits; in its turn where its last worker died of it,
 * perhaps.
 */
import {
  bootOf,
  type Connections,
  decodeJob,
  encodeFail,
  encodeLost,
  type Job,
  type Meta,
  metaOf,
  reasonOf,
  statusOf,
} from '@tempest/protocol'
import { Cancels } from './cancels.js'
import { countOne } from './counts.js'
import { type Admission, Doubts } from './doubts.js'
import type { Popped } from './held.js'
import { RunningJob } from './job.js'
import type { Replies } from './replies.js'
import type { Runner } from './runner.js'
import type { Source } from './source.js'
import { Suspects } from './suspects.js'

export class Intake {
  readonly suspects: Suspects
  readonly cancels: Cancels
  readonly #connections: Connections
  readonly #replies: Replies
  readonly #runner: Runner
  readonly #doubts: Doubts
  readonly #freed: () => void
  /** Jobs of which Redis is asked whether they are still to be run. */
  #asked = 0
  #stopped = false

  /** @param freed called when a slot is free that no job of the runner had. */
  constructor(connections: Connections, replies: Replies, runner: Runner, freed: () => void) {
    this.#connections = connections
    this.#replies = replies
    this.#runner = runner
    this.#freed = freed
    this.suspects = new Suspects(freed)
    this.cancels = new Cancels(connections)
    this.#doubts = new Doubts(connections, this.cancels)
    runner.ended = (popped, over) => this.suspects.ended(popped, over)
  }

  /** Slots that are taken: by jobs that run, and by those that are about to. */
  get taken(): number {
    return this.#runner.running.size + this.#asked + this.suspects.waiting
  }

  /** Takes a message of a cancel channel. */
  cancel(payload: Buffer): void {
    const ids = this.cancels.take(payload)
    this.#runner.running.cancel(new Set(ids))
    for (const id of ids) if (id.endsWith('-*')) this.#cancelAll(id)
  }

  /** Of a node that is gone; it may be here again by the time this is heard. */
  #cancelAll(id: string): void {
    this.cancels.isGone(id).then(
      (gone) => gone && this.#runner.running.cancelAll(bootOf(id)),
      () => undefined,
    )
  }

  /** Begins no more: what is still asked about goes back. */
  stop(): void {
    this.#stopped = true
    this.suspects.stop()
  }

  begin(popped: Popped, source: Source): void {
    const wire = decodeJob(popped.raw)
    if ('malformed' in wire) {
      this.#bury(popped, source, wire.malformed, wire.job)
      return
    }
    const meta = metaOf(wire.args)
    const job = new RunningJob(wire, meta, popped, source, this.#connections, this.#runner.wheel)
    const admission = this.#doubts.of(job, wire, meta)
    if (typeof admission === 'string') this.#admit(admission, job, wire, meta)
    else this.#await(admission, job, wire, meta)
  }

  #admit(admission: Admission, job: RunningJob, wire: Job, meta: Meta | undefined): void {
    if (admission !== 'run') this.#drop(admission, job)
    else if (job.attempt === 1) this.#runner.run(job, wire, meta)
    else this.#lineUp(job, wire, meta)
  }

  #await(admission: Promise<Admission>, job: RunningJob, wire: Job, meta: Meta | undefined): void {
    const { popped } = job
    this.#asked++
    admission.then(
      (found) => {
        this.#asked--
        if (this.#stopped) {
          popped.begun = false
          return
        }
        // Swept meanwhile, it belongs to somebody else.
        if (!popped.done) this.#admit(found, job, wire, meta)
        this.#freed()
      },
      () => {
        // The connection is gone: when it is back the held list tells of this job again.
        this.#asked--
        popped.begun = false
      },
    )
  }

  #lineUp(job: RunningJob, wire: Job, meta: Meta | undefined): void {
    this.suspects.add(job.id, job.popped, job.source, () => {
      const now = this.#doubts.ofWaiting(job)
      if (now === 'run') this.#runner.run(job, wire, meta)
      else this.#drop(now, job)
    })
  }

  #drop(
    why: Exclude<Admission, 'run'>,
    { id, queue, respondTo, source, popped, encoding }: RunningJob,
  ): void {
    const { counts } = this.#runner
    if (why === 'expired') counts.expired++
    else counts.cancelled++
    const finish = (): void => this.#runner.finish(source, popped)
    if (why === 'lost' && respondTo !== null) {
      this.#replies.add(respondTo, encodeLost(id, { final: true, queue }, encoding), finish)
    } else finish()
  }

  #bury(popped: Popped, source: Source, what: string, job: Job | undefined): void {
    countOne(this.#runner.counts.malformed, what)
    const { logger } = this.#connections.options
    logger.warn({ queue: source.queue, what }, 'an entry of the queue is not a job')
    source.tryLater(popped, 'BAD_REQUEST').then(
      () => {
        this.#freed()
        if (typeof job?.respondTo !== 'string') return
        const failure = { status: statusOf('BAD_REQUEST'), message: `malformed job: ${what}` }
        const entry = encodeFail(job.id, { code: 'BAD_REQUEST', ...failure }, job.encoding)
        this.#replies.add(job.respondTo, entry, () => undefined)
      },
      (error: unknown) => {
        source.keep(popped)
        logger.error({ queue: source.queue, reason: reasonOf(error) }, 'could not be buried')
      },
    )
  }
}
