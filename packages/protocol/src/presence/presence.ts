/**
 * A node's own presence: its record, its beats, and the sweeper that every node is for the others.
 *
 * The record is written anew once a second, so that a node that was swept while it was paused or cut off comes back by itself; it then learns that
 * it was swept, and its owner sees to what it had open.
 */
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Connections } from '../redis/connections.js'
import { fieldsOf } from '../wire/hash.js'
import { keys } from '../wire/keys.js'
import { listOf } from '../wire/list.js'
import { loadScript } from '../redis/script.js'
import { startHeart, stopHeart } from './heart.js'
import { type NodeRecord, readRecord } from './record.js'
import { forget, sinceOf } from './graves.js'
import type { SweepCounts } from './remains.js'
import { Sweeper } from './sweeper.js'

const registerScript = loadScript(join(__dirname, '..', '..', 'lua', 'register.lua'))

const packageFile = join(__dirname, '..', '..', 'package.json')
const { version } = JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string }

/** Beats within one patience: a few may be late or lost. */
const BEATS_PER_PATIENCE = 5

type Description = Pick<NodeRecord, 'role' | 'queues' | 'stats' | 'longest' | 'suspects'>

export interface PresenceOwner {
  describe(): Description
  /** This node was swept, and is here again. `cancelled`: its jobs were cancelled meanwhile. */
  returned(cancelled: boolean): void
  /** This process did not run for a while: others may have acted for it. */
  stalled?(): void
  /** A worker has appeared that may have missed what was published. */
  workerAppeared?(): void
  isCancelled?(base: string): boolean
}

export class Presence {
  readonly #connections: Connections
  readonly #owner: PresenceOwner
  readonly #sweeper: Sweeper
  #started = 0
  #beat: NodeJS.Timeout | undefined
  #left = false
  /** Of which of its deaths it has come back last. */
  #returnedFrom = -1

  constructor(connections: Connections, owner: PresenceOwner) {
    const { boot, options } = connections
    this.#connections = connections
    this.#owner = owner
    this.#sweeper = new Sweeper(connections, {
      ...owner,
      stalled: () => {
        owner.stalled?.()
        this.#registerSoon()
      },
    })
    const everyMs = options.patienceMs / BEATS_PER_PATIENCE
    if (!startHeart(boot, connections.redisOptions, everyMs)) {
      options.logger.warn(
        { boot },
        'no thread can beat with these Redis options: the main thread does',
      )
      this.#beat = setInterval(() => this.#registerSoon(), everyMs)
      this.#beat.unref()
    }
    connections.every(() => this.register())
  }

  /** This process did not run a moment ago, and others may not have waited. */
  get isStalled(): boolean {
    return this.#sweeper.isStalled
  }

  get counts(): SweepCounts {
    return this.#sweeper.counts
  }

  /** Has a node looked at, now, of which a connection has ended. */
  suspect(boot: string): void {
    void this.#sweeper.suspect(boot)
  }

  /** Writes the record. A worker does so before it pops: what it holds must be found. */
  async register(): Promise<void> {
    if (this.#left) return
    const { boot, clock, commands } = this.#connections
    this.#started ||= clock.toRedis(performance.now())
    const reply = await commands.script(
      registerScript,
      [keys.nodes, keys.beats, keys.gone],
      [boot, JSON.stringify(this.#record())],
    )
    this.#connections.registeredAt = performance.now()
    const [gone, cancelled] = listOf(reply)
    const text = String(gone)
    if (text !== '') await this.#return(text, cancelled === 1)
  }

  /** It was swept. Its owner sees to that once, however often it is told. */
  async #return(gone: string, cancelled: boolean): Promise<void> {
    const { boot, options } = this.#connections
    const since = sinceOf(gone)
    if (since !== this.#returnedFrom) {
      this.#returnedFrom = since
      options.logger.warn({ boot, cancelled }, 'was taken for dead and swept; is here again')
      this.#owner.returned(cancelled)
    }
    await forget(this.#connections, boot)
  }

  #registerSoon(): void {
    // What fails now is tried again within a second, or when the connection is back.
    this.register().catch(() => undefined)
  }

  /** Nothing is left that anybody would have to sweep. */
  async leave(): Promise<void> {
    const { boot, commands } = this.#connections
    this.close()
    await commands.send('hdel', [keys.nodes, boot])
    await commands.send('hdel', [keys.beats, boot])
  }

  /** Stops beating and sweeping. The record stays: who finds it silent sweeps what is left. */
  close(): void {
    this.#left = true
    this.#sweeper.close()
    clearInterval(this.#beat)
    stopHeart(this.#connections.boot)
  }

  #record(): NodeRecord {
    const { boot, options } = this.#connections
    return {
      boot,
      host: hostname(),
      pid: process.pid,
      version,
      started: this.#started,
      patience: options.patienceMs,
      named: true,
      ...this.#owner.describe(),
    }
  }
}

/** The records of all nodes that are here: a dead one is until it was swept. @throws as `Connections.whenUp`. */
export async function readNodes(connections: Connections): Promise<NodeRecord[]> {
  await connections.whenUp()
  const records: NodeRecord[] = []
  for (const [boot, text] of fieldsOf(await connections.commands.send('hgetall', [keys.nodes]))) {
    const record = readRecord(boot, text)
    if (record) records.push(record)
  }
  return records
}
