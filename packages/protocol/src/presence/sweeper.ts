/**
 * Finds nodes that have died and settles what they left. Every node is a sweeper for the others; of several that find the same
 * one dead a lock of 2 s lets one begin, and each job is settled by a script that only one of them can succeed with.
 */
import { sendAnyway } from '../redis/anyway.js'
import type { Connections } from '../redis/connections.js'
import { reasonOf } from '../wire/errors.js'
import { keys } from '../wire/keys.js'
import { fieldsOf } from '../wire/hash.js'
import { isReplyError } from '../redis/link.js'
import { Observer } from './observer.js'
import { DEFAULT_PATIENCE_MS, type NodeRecord, readRecord } from './record.js'
import { bury, cancelAll, forget, type Grave, noteSwept, readGraves } from './graves.js'
import { Clients } from './clients.js'
import { clear, type Cleared, remainsMs, type SweepCounts } from './remains.js'

const LOOK_MS = 250
/** A busy machine delays a look by less. */
const STALLED_MS = 750
const LOCK_MS = 2000
/** How often the records are read although nobody has appeared, and those that are gone looked at again. */
const RECORDS_MS = 5000
const GONE_MS = 2000
/** A front that is away for this many times its patience does not come back in time for those who wait. */
const CANCEL_PATIENCES = 2

/** When to look for the connections of a suspect. */
const SUSPECT_MS = [0, 40]

export interface SweepOwner {
  workerAppeared?(): void
  stalled?(): void
  isCancelled?(base: string): boolean
}

export class Sweeper {
  readonly counts: SweepCounts = { sweeps: 0, jobs: {} }
  readonly #connections: Connections
  readonly #owner: SweepOwner
  readonly #observer: Observer
  readonly #clients: Clients
  readonly #timer: NodeJS.Timeout
  #records = new Map<string, NodeRecord>()
  #recordsAt = -Infinity
  #goneAt = 0
  #looking = false
  #tickedAt = performance.now()

  constructor(connections: Connections, owner: SweepOwner) {
    this.#connections = connections
    this.#owner = owner
    this.#observer = new Observer(connections.boot)
    this.#clients = new Clients(connections.commands)
    this.#timer = setInterval(() => void this.#tick(), LOOK_MS)
    this.#timer.unref()
  }

  /** It was to look, and did not for so long that others may have thought it dead. */
  get isStalled(): boolean {
    const limit = Math.max(this.#connections.options.patienceMs / 2, STALLED_MS)
    return performance.now() - this.#tickedAt > limit
  }

  close(): void {
    clearInterval(this.#timer)
  }

  async #tick(): Promise<void> {
    const stalled = this.isStalled
    this.#tickedAt = performance.now()
    if (stalled) {
      this.#observer.restart()
      this.#owner.stalled?.()
    }
    if (this.#looking) return
    if (!this.#connections.commands.up) {
      this.#observer.restart()
      return
    }
    this.#looking = true
    try {
      await this.#look()
    } catch (error) {
      this.#observer.restart()
      this.#connections.options.logger.debug({ reason: reasonOf(error) }, 'sweeping broke off')
    } finally {
      this.#looking = false
    }
  }

  async #look(): Promise<void> {
    const askedAt = performance.now()
    const beats = fieldsOf(await this.#connections.commands.send('hgetall', [keys.beats]))
    const now = performance.now()
    // A node whose record names a client of Redis need not beat.
    for (const boot of this.#records.keys()) if (!beats.has(boot)) beats.set(boot, '')
    const first = this.#recordsAt === -Infinity
    const fresh = this.#observer.look(beats, askedAt, now)
    if (fresh.length > 0 || now - this.#recordsAt > RECORDS_MS) await this.#readRecords()
    if (!first && fresh.some((boot) => this.#records.get(boot)?.role === 'worker')) {
      this.#owner.workerAppeared?.()
    }
    const silent = this.#observer.silent((boot) => this.#patienceOf(boot))
    for (const boot of silent) await this.#unlessRefused(boot, () => this.#accuse(boot))
    if (now - this.#goneAt < GONE_MS) return
    this.#goneAt = now
    await this.#lookAgain()
  }

  /** Sweeps a node of which a connection has ended, if those to Redis have, too: no need then to wait for its beats. Never rejects. */
  async suspect(boot: string): Promise<void> {
    const { commands, options } = this.#connections
    try {
      const text = await commands.send('hget', [keys.nodes, boot])
      const record = Buffer.isBuffer(text) ? readRecord(boot, text.toString()) : undefined
      // Only of nodes that say so it is known that their connections are named. Anybody may invent others.
      if (record?.named !== true) return
      // Twice: all connections of a host may break at once, and come back.
      for (const ms of SUSPECT_MS) {
        await new Promise((resolve) => setTimeout(resolve, ms))
        if (await this.#clients.has(boot)) return
      }
      if (!(await this.#lock(boot))) return
      this.#records.delete(boot)
      await this.#sweep(record)
    } catch (error) {
      // Its beats will tell.
      options.logger.debug({ boot, reason: reasonOf(error) }, 'could not be looked at')
    }
  }

  #patienceOf(boot: string): number {
    return this.#records.get(boot)?.patience ?? DEFAULT_PATIENCE_MS
  }

  async #readRecords(): Promise<void> {
    this.#recordsAt = performance.now()
    this.#records = new Map()
    for (const [boot, text] of fieldsOf(
      await this.#connections.commands.send('hgetall', [keys.nodes]),
    )) {
      const record = readRecord(boot, text)
      if (record) this.#records.set(boot, record)
    }
  }

  async #accuse(boot: string): Promise<void> {
    const { commands } = this.#connections
    // Sweeping those before it may have taken a while.
    const beat = await commands.send('hget', [keys.beats, boot])
    if (Buffer.isBuffer(beat) && beat.toString() !== this.#observer.beatOf(boot)) return
    const text = await commands.send('hget', [keys.nodes, boot])
    const record = Buffer.isBuffer(text) ? readRecord(boot, text.toString()) : undefined
    this.#records.delete(boot)
    if (!record) {
      // A beat that came after the sweep, or a record that is none: nothing says what it had.
      await commands.send('hdel', [keys.beats, boot])
      if (text !== null) await commands.send('hdel', [keys.nodes, boot])
      return
    }
    if (record.client !== undefined && (await this.#isConnected(record.client))) {
      this.#records.set(boot, record)
      this.#observer.excuse(boot)
      return
    }
    if (await this.#lock(boot)) await this.#sweep(record)
  }

  async #isConnected(client: string): Promise<boolean> {
    if (!/^\d+$/.test(client)) return false
    const list = await this.#connections.commands
      .send('client', ['LIST', 'ID', client])
      // No number that could be one.
      .catch((error: unknown) => (isReplyError(error) ? '' : Promise.reject(error as Error)))
    return String(list).includes(`id=${client} `)
  }

  async #lock(boot: string): Promise<boolean> {
    const { commands, boot: own } = this.#connections
    const args = [own, 'NX', 'PX', LOCK_MS]
    return (await sendAnyway(commands, 'SET', keys.sweep(boot), args)) !== null
  }

  async #sweep(record: NodeRecord): Promise<void> {
    const { commands, clock, options } = this.#connections
    const { boot, role, queues } = record
    const now = clock.toRedis(performance.now())
    // Named as gone before it is no longer named as here: whoever stops in between leaves it to be found.
    await bury(this.#connections, record, now + remainsMs(record))
    await commands.send('hdel', [keys.nodes, boot])
    await commands.send('hdel', [keys.beats, boot])
    this.counts.sweeps++
    const { settled } = await this.#clear(record, false, false)
    options.logger.warn({ boot, role, queues, settled }, 'a node is dead: swept what it left')
  }

  /** A dead worker's parked call can still fire, a late reply make its mailbox anew; and a front may only have been paused. */
  async #lookAgain(): Promise<void> {
    for (const grave of await readGraves(this.#connections)) {
      const { boot } = grave.record
      const over = this.#connections.clock.toRedis(performance.now()) > grave.until
      await this.#unlessRefused(boot, () => this.#visit(grave, over))
      if (over) await forget(this.#connections, boot)
    }
  }

  async #visit({ record, since, swept, cancelled }: Grave, over: boolean): Promise<void> {
    const { boot, role, patience } = record
    const goneMs = this.#connections.clock.toRedis(performance.now()) - since
    const cancels = role !== 'worker' && !cancelled && goneMs > patience * CANCEL_PATIENCES
    if (!over && !cancels && role !== 'worker') return
    if ((await this.#isHere(boot)) || !(await this.#lock(boot))) return
    if (cancels && !(await cancelAll(this.#connections, record))) return
    await this.#clear(record, swept, over)
  }

  /** What Redis refuses for one node (a key of another type, a right that is missing) must not keep others from being seen to. */
  async #unlessRefused(boot: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (!isReplyError(error)) throw error
      const reason = reasonOf(error)
      this.#connections.options.logger.error({ boot, reason }, 'a dead node could not be swept')
    }
  }

  /** It has come back, and sees to its grave itself. */
  async #isHere(boot: string): Promise<boolean> {
    return (await this.#connections.commands.send('hexists', [keys.nodes, boot])) === 1
  }

  async #clear(record: NodeRecord, swept: boolean, last: boolean): Promise<Cleared> {
    const { boot } = record
    const isCancelled = (base: string): boolean => this.#owner.isCancelled?.(base) ?? false
    const cleared = await clear(this.#connections, record, {
      ...{ counts: this.counts, isCancelled, again: swept, last },
      renew: () => this.#renew(boot),
    })
    // Only who has seen the end of what it held may say that the rest had not begun.
    if (cleared.whole && !swept) await noteSwept(this.#connections, boot)
    return cleared
  }

  #renew(boot: string): Promise<unknown> {
    const { commands, boot: own } = this.#connections
    return sendAnyway(commands, 'SET', keys.sweep(boot), [own, 'PX', LOCK_MS])
  }
}
