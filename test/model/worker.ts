/** A worker: the real mirror of the held list and the real decoding; what it does, step by step, as docs/protocol.md has it. */
import {
  decodeJob,
  encodeAnswer,
  encodeFail,
  encodeLost,
  keys,
  metaOf,
  splitId,
} from '@tempest/protocol'
import { Held, type Popped, type Removal } from '../../packages/worker/src/held'
import { admissionOf } from './admission'
import { pick } from './front'
import { Marks } from './marks'
import { moveParked, takeScript } from './scripts'
import { settleJob } from './sweeper'
import type { World } from './world'

interface Running {
  popped: Popped
  id: string
  base: string
  respondTo: string | null
  payload: string
}

interface Reply {
  mailbox: string
  entry: string
  confirmed: () => void
}

export class Worker {
  readonly boot: string
  state: 'up' | 'paused' | 'dead' = 'up'
  readonly #world: World
  readonly #held = new Held()
  #unbegun: Popped[] = []
  #running: Running[] = []
  #replies: Reply[] = []
  #removals: Removal[] = []
  readonly #marks: Marks
  readonly #cancelled = new Set<string>()
  #epoch: string
  #frozen = true
  /** Its record is written; its held list is yet to be read. */
  #registered = false
  /** Its parked call can still be carried out once when nobody is there to hear of it. */
  parked = false

  constructor(world: World, boot: string) {
    this.#world = world
    this.boot = boot
    this.#epoch = world.epoch
    this.#marks = new Marks(world, boot)
  }

  get #keys(): { queue: string; held: string; workers: string } {
    const { queue } = this.#world
    return { queue, held: keys.held(queue, this.boot), workers: keys.workers(queue) }
  }

  get busy(): boolean {
    return this.#frozen || this.#running.length + this.#unbegun.length + this.#replies.length > 0
  }

  get #up(): boolean {
    return this.state === 'up'
  }

  cancel(base: string): void {
    this.#cancelled.add(base)
  }

  /** It stops for a while; a call that is parked may still be carried out. */
  pause(): void {
    this.state = 'paused'
    this.parked = !this.#frozen
  }

  /** Something it sent has an unknown outcome. */
  trouble(): void {
    this.#frozen = true
    this.#registered = false
    this.#removals = []
  }

  /** Registers, then reads its held list; only then is its mirror believed again. One step of it each time. */
  recover(): void {
    if (!this.#up || !this.#frozen) return
    const { store, queue } = this.#world
    if (!this.#registered) {
      if (!store.hash(keys.nodes).has(this.boot)) {
        store.hash(keys.nodes).set(this.boot, 'here')
        store.hash(keys.gone).delete(this.boot)
      }
      this.#registered = true
      return
    }
    this.#registered = false
    // Swept between the two: then it has to begin anew.
    if (!store.hash(keys.nodes).has(this.boot) && !this.#world.faults.beatRegisters) return
    store.zset(keys.workers(queue)).set(this.boot, 1)
    if (!this.#world.faults.countAfterError) this.#reconcile(store.list(this.#keys.held))
    this.#frozen = false
  }

  #reconcile(list: string[]): void {
    const { epoch } = this.#world
    if (epoch !== this.#epoch) {
      this.#epoch = epoch
      // What runs goes on; whoever sweeps this worker is to find it.
      const raws = list.map((raw) => Buffer.from(raw))
      list.push(...this.#held.missing(raws).map(String))
    }
    this.#held.reconcile(list.map((raw) => Buffer.from(raw)))
    this.#unbegun = this.#held.unbegun()
    this.#marks.renew(list)
  }

  beat(): void {
    if (!this.#up || !this.#world.faults.beatRegisters) return
    this.#world.store.zset(this.#keys.workers).set(this.boot, 1)
  }

  /** @param heard false: Redis carries it out, and the answer is lost. */
  take(n: number, heard = true): void {
    if (!this.#up || this.#frozen) return
    const { store, faults } = this.#world
    const removal = this.#held.drain()
    const jobs = takeScript(store, this.#keys, this.boot, n, removal, faults)
    if (jobs === undefined || !heard) {
      this.trouble()
      return
    }
    this.#removals.push(removal)
    this.#confirm()
    for (const raw of jobs) this.#unbegun.push(this.#held.add(Buffer.from(raw), 'normal'))
  }

  /** A call that was on its way when this worker stopped listening. */
  moveUnheard(): void {
    if (this.#up || !this.parked) return
    this.parked = false
    moveParked(this.#world.store, this.#keys.queue, this.#keys.held)
  }

  begin(): void {
    if (!this.#up) return
    const popped = this.#unbegun.shift()
    if (!popped || popped.begun || popped.done) return
    const job = decodeJob(popped.raw)
    if ('malformed' in job) throw new Error(`the model made a job that is none: ${job.malformed}`)
    const { base, attempt } = splitId(job.id)
    const known = { epoch: this.#epoch, cancelled: this.#cancelled }
    const admission = admissionOf(this.#world, job, metaOf(job.args), known)
    if (admission !== 'run') {
      popped.begun = true
      const finish = (): void => this.#held.finish(popped)
      const entry = encodeLost(job.id, { final: true, queue: this.#world.queue })
      if (admission === 'drop' || job.respondTo === null) finish()
      else this.#replies.push({ mailbox: job.respondTo, entry, confirmed: finish })
      return
    }
    if (attempt > 1 && !this.#mayBegin(popped, job.id)) return
    popped.begun = true
    const payload = this.#world.begun(job.id, this.boot)
    this.#running.push({ popped, id: job.id, base, respondTo: job.respondTo, payload })
  }

  #mayBegin(popped: Popped, id: string): boolean {
    const may = this.#marks.mark(popped, id)
    if (may === 'begin') return true
    this.#unbegun.push(popped)
    if (may === 'swept') this.trouble()
    return false
  }

  /** A handler ends, as its nature has it. */
  end(at: number): void {
    if (!this.#up) return
    const job = pick(this.#running, at)
    if (!job) return
    const nature = this.#world.requests.get(job.base)?.nature
    if (nature === 'poison') {
      this.#world.kill(this, job.base)
      return
    }
    this.#running = this.#running.filter((each) => each !== job)
    const finish = (): void => this.#held.finish(job.popped)
    if (this.#world.faults.unmarkedEarly) this.#marks.unmark(job.popped)
    if (job.respondTo === null) {
      if (nature === 'throws') this.#settleOwn(job)
      else {
        this.#world.completed.add(job.base)
        finish()
      }
      return
    }
    const entry =
      nature === 'throws'
        ? encodeFail(job.id, { code: 'HANDLER_FAILED', message: 'thrown' })
        : encodeAnswer(job.id, JSON.stringify(job.payload))
    if (this.#world.faults.removedFirst) finish()
    this.#replies.push({ mailbox: job.respondTo, entry, confirmed: finish })
  }

  /** A job nobody waits for is tried again by who failed at it. */
  #settleOwn(job: Running): void {
    const outcome = settleJob(this.#world, this.boot, job.popped.raw.toString(), {
      ...{ suspects: new Set<string>(), began: 'all', code: 'HANDLER_FAILED', informed: false },
    })
    if (outcome !== 'gone') this.#held.forget([job.popped])
    // Swept or forgotten meanwhile: it is no job of this worker's any more.
    else if (!this.#world.faults.goneStays) job.popped.begun = false
    this.#marks.unmark(job.popped)
  }

  /** Writes its replies. @param heard false: they arrive, and nobody hears so. */
  reply(heard = true): void {
    if (this.state === 'dead' || (heard && !this.#up)) return
    for (const { mailbox, entry } of this.#replies) this.#world.store.list(mailbox).push(entry)
    if (!heard) return
    const replies = this.#replies
    this.#replies = []
    for (const { confirmed } of replies) confirmed()
  }

  /** Puts back what it has not begun, the last first. */
  giveBack(): void {
    if (!this.#up || this.#frozen) return
    const { store } = this.#world
    const jobs = this.#unbegun.filter((popped) => !popped.begun && !popped.done)
    this.#unbegun = []
    for (const popped of [...jobs].reverse()) {
      const raw = popped.raw.toString()
      if (store.lrem(this.#keys.held, -1, raw) === 1) store.list(this.#keys.queue).unshift(raw)
    }
    this.#held.forget(jobs)
  }

  #confirm(): void {
    for (const removal of this.#removals) {
      this.#held.removed(removal)
      for (const popped of removal.jobs) this.#marks.unmark(popped)
    }
    this.#removals = []
  }
}
