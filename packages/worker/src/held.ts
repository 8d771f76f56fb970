/**
 * A mirror of one held list: the jobs this worker has popped and not finished, in the order in which Redis holds them. Pure.
 *
 * It exists so that a finished job can be removed by count where the finished ones are exactly a prefix, and by its bytes where
 * not; and so that after a broken connection the real list tells which jobs are new. What is being removed is kept
 * until Redis confirms it: without that, a removal that was lost would look like a new job.
 *
 * Jobs may be equal byte for byte, from programs that give no ids. Of such Redis removes the first or the last, whichever was
 * meant; the mirror does the same, or a removal by count would later hit another job.
 */
import type { Priority } from '@tempest/protocol'

export interface Popped {
  readonly raw: Buffer
  readonly priority: Priority
  /** Some of its last bytes as a number: where an id stands, so that it differs where the jobs do, most of the time. */
  readonly print: number
  /** It was handed to a handler; until then it can be put back. */
  begun: boolean
  done: boolean
  previous: Popped | undefined
  next: Popped | undefined
}

/** What one call has popped. */
export interface Taken {
  jobs: Popped[]
  /** Whether the lists may hold more. */
  left: boolean
}

/** What one call has to remove from the held list. */
export interface Removal {
  /** How many finished jobs stand at its head. */
  drop: number
  /** LREM's count for each of `raws`: 1 looks from the head, -1 from the end. */
  count: 1 | -1
  /** Finished jobs that stand elsewhere. */
  raws: Buffer[]
  jobs: Popped[]
}

/** Nothing to remove. */
export const none: Removal = { drop: 0, count: 1, raws: [], jobs: [] }

/**
 * From this size on jobs are removed from the end of the list. Below it from the head, since there a job equal byte for byte that is just
 * being appended cannot be hit instead.
 */
const FROM_END_BEYOND = 256

export class Held {
  #first: Popped | undefined
  #last: Popped | undefined
  #size = 0
  #done = 0
  #removing: Removal[] = []

  /** Jobs popped and not yet known to be removed. */
  get size(): number {
    return this.#removing.reduce((sum, removal) => sum + removal.jobs.length, this.#size)
  }

  /** Whether there is anything to remove. */
  get dirty(): boolean {
    return this.#done > 0
  }

  /** A job that Redis has appended. */
  add(raw: Buffer, priority: Priority): Popped {
    const previous = this.#last
    const popped: Popped = {
      raw,
      priority,
      print: printOf(raw),
      begun: false,
      done: false,
      previous,
      next: undefined,
    }
    if (previous) previous.next = popped
    else this.#first = popped
    this.#last = popped
    this.#size++
    return popped
  }

  /** Jobs that no handler was given, in order. */
  unbegun(): Popped[] {
    const jobs: Popped[] = []
    for (let popped = this.#first; popped; popped = popped.next) {
      if (!popped.begun && !popped.done) jobs.push(popped)
    }
    return jobs
  }

  finish(popped: Popped): void {
    if (popped.done) return
    popped.done = true
    this.#done++
  }

  /** Takes out what is finished, for one call that removes it. */
  drain(): Removal {
    const removal: Removal = { drop: 0, count: 1, raws: [], jobs: [] }
    while (this.#first?.done) {
      removal.drop++
      removal.jobs.push(this.#unlink(this.#first))
    }
    // With thousands of long jobs at the head, the short ones behind them are nearer to the end.
    if (this.#size > FROM_END_BEYOND) removal.count = -1
    const [start, onward] =
      removal.count < 0 ? ([this.#last, 'previous'] as const) : ([this.#first, 'next'] as const)
    for (let popped = start; popped && this.#done > 0;) {
      const next: Popped | undefined = popped[onward]
      if (popped.done) {
        removal.raws.push(popped.raw)
        removal.jobs.push(removal.count < 0 ? this.#unlinkLast(popped) : this.#unlinkFirst(popped))
      }
      popped = next
    }
    this.#removing.push(removal)
    return removal
  }

  /** Redis has removed them. */
  removed(removal: Removal): void {
    this.#removing = this.#removing.filter((each) => each !== removal)
  }

  /** Jobs that were given back: they are out of the list without having been finished. */
  forget(jobs: Popped[]): void {
    for (const job of jobs) {
      if (job.done) continue
      this.#unlinkLast(job)
      // Whoever still has it in hand must not begin it: it is somebody else's now.
      job.done = true
    }
  }

  /** Jobs that run and are not among these: a Redis that was restarted has forgotten them. */
  missing(raws: Buffer[]): Buffer[] {
    const there = new Map<string, number>()
    for (const raw of raws) {
      const key = raw.toString('latin1')
      there.set(key, (there.get(key) ?? 0) + 1)
    }
    const missing: Buffer[] = []
    for (let popped = this.#first; popped; popped = popped.next) {
      if (!popped.begun || popped.done) continue
      const key = popped.raw.toString('latin1')
      const count = there.get(key) ?? 0
      if (count > 0) there.set(key, count - 1)
      else missing.push(popped.raw)
    }
    return missing
  }

  /**
   * Rebuilds the mirror from the list as Redis has it. Nothing may be under way meanwhile.
   * @returns the jobs that are new: a command moved them whose reply was lost.
   */
  reconcile(raws: Buffer[]): Popped[] {
    const known = new Map<string, Popped[]>()
    const remember = (popped: Popped): void => {
      const key = popped.raw.toString('latin1')
      const same = known.get(key)
      if (same) same.push(popped)
      else known.set(key, [popped])
    }
    for (let popped = this.#first; popped; popped = popped.next) remember(popped)
    for (const popped of this.#removing.flatMap((removal) => removal.jobs)) remember(popped)
    this.#first = this.#last = undefined
    this.#size = this.#done = 0
    this.#removing = []
    const fresh: Popped[] = []
    for (const raw of raws) {
      const popped = known.get(raw.toString('latin1'))?.shift()
      if (popped) this.#append(popped)
      else fresh.push(this.add(raw, 'normal'))
    }
    // What Redis no longer holds is finished as far as the list goes.
    for (const gone of [...known.values()].flat()) gone.done = true
    return fresh
  }

  /** Takes a job out as `LREM 1` does: the first of those equal to it goes, and is then in its place. */
  #unlinkFirst(popped: Popped): Popped {
    let other = this.#first
    while (other && other !== popped && !areEqual(other, popped)) other = other.next
    if (other && other !== popped) this.#moveBehind(popped, other)
    return this.#unlink(popped)
  }

  /** Takes a job out as `LREM -1` does. */
  #unlinkLast(popped: Popped): Popped {
    let other = this.#last
    while (other && other !== popped && !areEqual(other, popped)) other = other.previous
    if (other && other !== popped) this.#moveBehind(popped, other)
    return this.#unlink(popped)
  }

  #moveBehind(place: Popped, popped: Popped): void {
    this.#unlink(popped)
    popped.previous = place
    popped.next = place.next
    if (place.next) place.next.previous = popped
    else this.#last = popped
    place.next = popped
    this.#size++
    if (popped.done) this.#done++
  }

  #append(popped: Popped): void {
    popped.previous = this.#last
    popped.next = undefined
    if (this.#last) this.#last.next = popped
    else this.#first = popped
    this.#last = popped
    this.#size++
    if (popped.done) this.#done++
  }

  #unlink(popped: Popped): Popped {
    if (popped.previous) popped.previous.next = popped.next
    else this.#first = popped.next
    if (popped.next) popped.next.previous = popped.previous
    else this.#last = popped.previous
    popped.previous = popped.next = undefined
    this.#size--
    if (popped.done) this.#done--
    return popped
  }
}

/** Of `…0123456789abcdef"]` the last six characters of the id. */
const PRINT_BYTES = 6
const PRINT_FROM_END = PRINT_BYTES + 2

function printOf(raw: Buffer): number {
  return raw.length < PRINT_FROM_END ? 0 : raw.readUIntLE(raw.length - PRINT_FROM_END, PRINT_BYTES)
}

function areEqual(one: Popped, other: Popped): boolean {
  return one.print === other.print && one.raw.equals(other.raw)
}
