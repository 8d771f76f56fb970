/**
 * A front, its workers, their sweepers and the Redis between them, as plain values that single steps move on. No clock, no
 * connection: whatever can happen in between is a step of its own (steps.ts). What must hold stands in promises.ts.
 */
import { keys } from '@tempest/protocol'
import { attemptId, splitId, withAttempts } from '../../packages/protocol/src/wire/ids'
import { encodeJob } from '../../packages/protocol/src/wire/job'
import type { Faults } from './faults'
import { Front } from './front'
import { Store } from './store'
import { type Sweep, sweep, sweepAgain } from './sweeper'
import { Worker } from './worker'

/** A job as who asked for it sees it. */
export interface Request {
  kind: 'once' | 'retried' | 'pushed'
  /** What running it does: it kills its worker, or throws, or neither. */
  nature: 'good' | 'poison' | 'throws'
  maxAttempts: number
  /** How it ended; more than one is one too many. */
  ends: { how: string; result?: unknown }[]
  /** The newest attempt its front has heard of. */
  newest: number
  /** Only its deadline can end it: a push nobody heard of, or a Redis that was restarted. */
  excused: boolean
  dueAt: number
}

export interface Begin {
  id: string
  base: string
  boot: string
  payload: string
}

export class World {
  readonly queue = 'q'
  readonly faults: Faults
  store = new Store()
  epoch = 'e0'
  readonly requests = new Map<string, Request>()
  readonly begins: Begin[] = []
  /** Pushed jobs whose handler ended well. */
  readonly completed = new Set<string>()
  /** Base ids that the front cancelled. */
  readonly cancels = new Set<string>()
  /** Deadlines that are over. */
  readonly expired = new Set<number>()
  /** Base ids with a push of unknown outcome: the front and a sweeper may both have made the same attempt. */
  readonly doubtful = new Set<string>()
  /** How many workers each poison has killed. */
  readonly kills = new Map<string, number>()
  readonly front: Front
  readonly workers: Worker[] = []
  /** How many sweeps have begun. */
  sweeps = 0
  restarts = 0
  sweepers: Sweep[] = []
  #snapshot: Store | undefined
  #pushed = 0
  /** How many jobs were pushed when the snapshot was taken. */
  #savedAt = 0

  constructor(faults: Faults = {}) {
    this.faults = faults
    this.front = new Front(this)
  }

  get living(): Worker[] {
    return this.workers.filter((worker) => worker.state === 'up')
  }

  untilMs(deadline: number): number {
    return this.expired.has(deadline) ? -1 : 1
  }

  hire(): Worker {
    const worker = new Worker(this, (this.workers.length + 1).toString(16).padStart(16, '0'))
    this.workers.push(worker)
    worker.recover()
    worker.recover()
    return worker
  }

  /** A job nobody waits for. */
  pushForNobody(nature: Request['nature'], maxAttempts: number): void {
    const base = withAttempts(`${this.front.boot}-p${this.#pushed++}-0`, maxAttempts)
    this.requests.set(base, {
      kind: 'pushed',
      nature,
      maxAttempts,
      ends: [],
      newest: 1,
      excused: false,
      dueAt: 0,
    })
    const text = encodeJob({ action: 'do', args: [1], respondTo: null, id: attemptId(base, 1) })
    this.store.list(this.queue).push(text)
  }

  cancel(base: string): void {
    this.cancels.add(base)
    const bases = [...this.requests.keys()]
    const neighbour = bases[bases.indexOf(base) - 1]
    for (const worker of this.workers) {
      worker.cancel(base)
      if (this.faults.cancelNeighbour && neighbour !== undefined) worker.cancel(neighbour)
    }
  }

  begun(id: string, boot: string): string {
    const payload = `${id}@${boot}#${this.begins.length}`
    this.begins.push({ id, base: splitId(id).base, boot, payload })
    return payload
  }

  kill(worker: Worker, base?: string): void {
    worker.state = 'dead'
    if (base !== undefined) this.kills.set(base, (this.kills.get(base) ?? 0) + 1)
  }

  accuse({ boot }: Worker, informed: boolean): void {
    this.sweepers.push(sweep(this, boot, informed), sweepAgain(this, boot, informed))
  }

  /** One step of one sweeper. */
  sweep(at: number): void {
    const index = at % Math.max(this.sweepers.length, 1)
    if (this.sweepers[index]?.next().done) this.sweepers.splice(index, 1)
  }

  resume(worker: Worker): void {
    worker.state = 'up'
    worker.trouble()
  }

  /** What was delayed is due. */
  wake(): void {
    const delayed = this.store.zset(keys.delayed(this.queue))
    for (const member of delayed.keys())
      this.store.list(this.queue).push(member.slice(member.indexOf(':') + 1))
    delayed.clear()
    this.store.hashes.delete(keys.clock(this.queue))
  }

  save(): void {
    this.#snapshot = this.store.clone()
    this.#savedAt = this.#pushed
  }

  restart(kept: boolean): void {
    const snapshot = kept ? this.#snapshot : undefined
    this.store = snapshot?.clone() ?? new Store()
    const saved = snapshot ? this.#savedAt : 0
    this.epoch = `e${++this.restarts}`
    for (const request of this.requests.values()) {
      // What Redis forgot is forgotten: nobody waits for a job that was only pushed.
      if (request.kind !== 'pushed') request.excused = true
    }
    ;[...this.requests.values()]
      .filter((request) => request.kind === 'pushed')
      .slice(saved)
      .forEach((request) => (request.excused = true))
    // No call that was parked has a connection any more.
    for (const worker of this.workers) Object.assign(worker, { parked: false }).trouble()
    this.front.renewed()
  }
}
