/**
 * One queue as one worker sees it: take, park, remove what is finished, give back, recover.
 *
 * Whatever it pops is in the worker's held list in Redis before it is in the worker. After any error the mirror is not
 * believed until `recover` has read the list: no job is removed by count meanwhile.
 */
import {
  BLOCK_S,
  type Connections,
  keys,
  type Link,
  LinkError,
  listOf,
  priorities,
  type Priority,
  sendAllAnyway,
} from '@tempest/protocol'
import { Beat, type Budget } from './beat.js'
import { Failures } from './failures.js'
import { giveBack } from './give-back.js'
import { Held, none, type Popped, type Removal, type Taken } from './held.js'
import { type Order, quotas } from './order.js'
import { Parking, pauseWhereFull } from './parking.js'
import { takeScript } from './scripts.js'

const AGAIN_MS = 1000
/** Larger batches save little and make the front wait for their last job before it hears of the first. */
const MAX_TAKE = 32

export class Source {
  readonly queue: string
  readonly failures: Failures
  /** What this worker knows of the held list may be wrong. */
  readonly #trouble: () => void
  readonly #connections: Connections
  readonly #order: Order
  readonly #beat: Beat
  readonly #held = new Held()
  readonly #link: Link
  readonly #parking: Parking
  readonly #takeKeys: string[]
  readonly #heldKey: string
  #workers = 1
  #frozen = true
  #left = false
  /** A call that moves jobs has an unknown outcome: the held list may have more than the mirror. */
  #unsure = false
  /** In which epoch the held list was read last. */
  #epoch = ''
  /** The last call that removes something: whether it did. */
  #removal = Promise.resolve(true)

  constructor(
    queue: string,
    terms: { order: Order; budget: Budget },
    connections: Connections,
    changed: { up: () => void; down: () => void },
  ) {
    this.queue = queue
    this.#order = terms.order
    this.#connections = connections
    this.#trouble = changed.down
    this.#beat = new Beat(queue, terms.budget, connections)
    this.failures = new Failures(queue, connections)
    this.#heldKey = keys.held(queue, connections.boot)
    const lists = priorities.map((priority) => keys.queue(queue, priority))
    this.#takeKeys = [...lists, this.#heldKey, keys.workers(queue)]
    this.#link = connections.block(`park:${queue}`, changed)
    this.#parking = new Parking(connections, this.#link)
    connections.every(() => this.#goOn())
  }

  get up(): boolean {
    return this.#link.up
  }

  get held(): number {
    return this.#held.size
  }

  /** Whether jobs are in its held list, or may be. */
  get owes(): boolean {
    return this.#unsure || this.#held.size > 0
  }

  /** Moves up to n jobs into the held list, and removes what is finished in the same call. */
  async take(n: number): Promise<Taken> {
    const sentAt = performance.now()
    return this.#taken(await this.#call(this.#connections.commands, Math.min(n, MAX_TAKE)), sentAt)
  }

  /** Waits for a job on the normal list, for `BLOCK_S` at the most or until unparked; then takes up to n - 1 more. */
  park(n: number): Promise<Taken> {
    return this.#parking.while(() => this.#park(n))
  }

  /** Unparks this worker's own call. */
  unpark(): Promise<void> {
    return this.#parking.unpark()
  }

  finish(popped: Popped): void {
    this.#beat.finished()
    this.#held.finish(popped)
  }

  /** A job nobody waits for has failed, or could not be decoded: see `Failures.tryLater`. */
  async tryLater(popped: Popped, code: string): Promise<void> {
    // Where it was swept meanwhile, whoever did that has seen to it.
    await this.failures.tryLater(popped, code)
    this.#held.forget([popped])
  }

  /** Removes what is finished, unless the next take does it. */
  async settle(): Promise<void> {
    if (this.#frozen || !this.#held.dirty) return
    await this.#call(this.#connections.commands, 0)
  }

  /** A job of a further attempt is over. While it is held it stays named: it has begun. */
  unmark(mark: string, over: boolean): void {
    // Where the connection broke, what is named is mended when the held list has been read.
    if (this.#frozen) return
    this.settle().catch(() => undefined)
    // Where the removal is refused it is still held, and must be known to have begun.
    void this.#removal.then((removed) => {
      if (removed && !this.#frozen) this.failures.unmark(mark, over)
    })
  }

  /** Puts jobs that were not begun back to where they came from, in order. */
  async giveBack(jobs: Popped[]): Promise<void> {
    await giveBack(this.#connections, this.queue, jobs, (back) => this.#held.forget(back))
  }

  /** Redis refused what was to become of a job: it stays held, and is begun again when the list is read, in a while. */
  keep(popped: Popped): void {
    popped.begun = false
    setTimeout(this.#trouble, AGAIN_MS).unref()
  }

  /** The mirror is not believed from now on. */
  freeze(): void {
    this.#frozen = true
  }

  /** Reads the held list. @returns all jobs in it that no handler was given, those this worker did not know of included. */
  async recover(): Promise<Popped[]> {
    this.#workers = await this.#beat.beat(true)
    const { commands, epoch } = this.#connections
    const list = await commands.send('lrange', [this.#heldKey, 0, -1])
    const raws = listOf(list).filter((raw) => Buffer.isBuffer(raw))
    if (this.#epoch !== '' && this.#epoch !== epoch) {
      // Redis was restarted and may have forgotten what runs here: should this worker die as well, that must be found.
      const missing = this.#held.missing(raws)
      await sendAllAnyway(commands, 'RPUSH', this.#heldKey, missing)
      raws.push(...missing)
    }
    this.#epoch = epoch
    this.#held.reconcile(raws)
    this.#frozen = false
    this.#unsure = false
    // What has ended is out before it is named no longer.
    await this.settle()
    return this.#held.unbegun()
  }

  async #goOn(): Promise<void> {
    if (this.#left || this.#frozen) return
    const workers = await this.#beat.beat(false)
    if (workers > 0) this.#workers = workers
    else this.#trouble()
  }

  /** The last call, when nothing runs any more: puts back what was never begun, removes what is finished. */
  async leave(): Promise<void> {
    if (this.#frozen) {
      // What the parked connection sent could still move a job.
      await this.#connections.kill(this.#link)
      await this.recover()
    }
    await this.giveBack(this.#held.unbegun())
    await this.settle()
    this.#left = true
    await this.failures.remark([])
    await this.#beat.leave()
  }

  async #park(n: number): Promise<Taken> {
    const first = this.#link.send('blmove', [this.queue, this.#heldKey, 'LEFT', 'RIGHT', BLOCK_S])
    const sentAt = performance.now()
    const wanted = this.#args(Math.min(n - 1, MAX_TAKE), none)
    // Also for none: it says whether this worker was taken for dead while it was parked.
    const rest = this.#link.script(takeScript, this.#takeKeys, wanted)
    const [head, more] = await Promise.allSettled([first, rest])
    for (const { reason } of [head, more].filter((call) => call.status === 'rejected')) {
      if (reason instanceof LinkError) this.#unsure = true
    }
    if (more.status === 'rejected') throw more.reason
    if (head.status === 'rejected') await pauseWhereFull(head.reason)
    const job: unknown = head.status === 'fulfilled' ? head.value : null
    const jobs = Buffer.isBuffer(job) ? [this.#held.add(job, 'normal')] : []
    const taken = this.#taken(more.value, sentAt)
    return { jobs: [...jobs, ...taken.jobs], left: taken.left || n === 1 }
  }

  async #call(link: Link, n: number): Promise<unknown> {
    const removal = this.#frozen || !this.#held.dirty ? none : this.#held.drain()
    const call = link.script(takeScript, this.#takeKeys, this.#args(n, removal))
    if (removal !== none) this.#removal = call.then(always(true), always(false))
    try {
      const reply = await call
      if (removal !== none) this.#held.removed(removal)
      return reply
    } catch (error) {
      this.freeze()
      this.#unsure = true
      throw error
    }
  }

  #args(n: number, removal: Removal): (number | string | Buffer)[] {
    return [
      n,
      this.#workers,
      removal.drop,
      ...quotas(this.#order, n),
      removal.count,
      this.#connections.boot,
      ...removal.raws,
    ]
  }

  #taken(reply: unknown, sentAt: number): Taken {
    const [left, time, ...runs] = listOf(reply)
    if (typeof time === 'number') {
      this.#connections.clock.witness(time, sentAt, performance.now())
    }
    const jobs: Popped[] = []
    for (const run of runs) {
      const [list, ...raws] = listOf(run)
      const priority: Priority = priorities[Number(list) - 1] ?? 'normal'
      for (const raw of raws) if (Buffer.isBuffer(raw)) jobs.push(this.#held.add(raw, priority))
    }
    return { jobs, left: left === 1 }
  }
}

const always = (value: boolean) => (): boolean => value
