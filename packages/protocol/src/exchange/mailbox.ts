/**
 * Reads one node's mailbox, a Redis list, without losing what was in flight when a connection breaks.
 *
 * One write per round: LTRIM away what was handled, BLMOVE the head onto itself (a peek that blocks), LRANGE the rest.
 * A new connection starts with nothing handled, and an LTRIM is never sent twice, so entries can be seen again and never
 * be skipped; whoever takes them must not mind a repeat. What a peek that came back empty brought along is discarded:
 * its LRANGE would have skipped the head.
 */
import { BLOCK_S, type Connections } from '../redis/connections.js'
import { reasonOf } from '../wire/errors.js'
import { keys } from '../wire/keys.js'
import type { Link } from '../redis/link.js'
import { listOf } from '../wire/list.js'

const MAX_ENTRIES = 512
const MAX_BYTES = 4 * 1024 * 1024
/** How often to look while a full Redis refuses the blocking peek. */
const POLL_MS = 20
/** How soon to ask again that the peek be ended. */
const UNBLOCK_MS = 5
/** A mailbox nobody reads any more is collected by Redis after this time; a clock that jumps an hour must not do it. */
const EXPIRE_S = 6 * 3600

export class Mailbox {
  readonly key: string
  readonly #connections: Connections
  readonly #deliver: (entry: Buffer) => void
  readonly #link: Link
  #reading = false
  #stopping = false
  #wanted = MAX_ENTRIES
  #stopped: (() => void) | undefined

  constructor(
    connections: Connections,
    deliver: (entry: Buffer) => void,
    key = Mailbox.keyOf(connections),
  ) {
    this.key = key
    this.#connections = connections
    this.#deliver = deliver
    this.#link = connections.block('mailbox', { up: () => void this.#read() })
    connections.every(async () => {
      await connections.commands.send('expire', [this.key, EXPIRE_S])
    })
  }

  /** Where replies to a node are pushed. */
  static keyOf(connections: Connections): string {
    return keys.mailbox(connections.boot)
  }

  get up(): boolean {
    return this.#link.up
  }

  /** Ends the reading and removes the list, unless it is somebody else's by now. */
  async stop(keep = false): Promise<void> {
    this.#stopping = true
    const ended = new Promise<void>((resolve) => (this.#stopped = resolve))
    while (this.#reading) {
      // It answers 0 where the peek has not arrived yet; so again, until the reading has ended.
      await this.#connections.unblock(this.#link).catch(() => false)
      await Promise.race([ended, pause(UNBLOCK_MS)])
    }
    this.#link.close()
    if (!keep) await this.#connections.commands.send('del', [this.key]).catch(() => 0)
  }

  async #read(): Promise<void> {
    this.#reading = true
    let handled = 0
    try {
      while (!this.#stopping) {
        const entries = await this.#next(handled)
        handled = entries.length
        for (const entry of entries) this.#deliver(entry)
      }
      if (handled > 0) await this.#link.send('ltrim', [this.key, handled, -1])
    } catch (error) {
      // The link tells when it is up again, and reading starts anew.
      this.#connections.options.logger.debug(
        { reason: reasonOf(error) },
        'mailbox: reading broke off',
      )
      if (this.#link.up) setTimeout(() => this.#link.reset(), POLL_MS).unref()
    } finally {
      this.#reading = false
      this.#stopped?.()
    }
  }

  async #next(handled: number): Promise<Buffer[]> {
    const trimmed = handled > 0 ? this.#link.send('ltrim', [this.key, handled, -1]) : undefined
    const peek = this.#link.send('blmove', [this.key, this.key, 'LEFT', 'LEFT', BLOCK_S])
    const rest = this.#link.send('lrange', [this.key, 1, this.#wanted - 1])
    const [trim, head, more] = await Promise.allSettled([trimmed, peek, rest])
    if (trim.status === 'rejected') throw trim.reason
    if (more.status === 'rejected') throw more.reason
    if (head.status === 'rejected') return this.#poll(head.reason)
    return head.value === null ? [] : this.#sized([head.value, ...listOf(more.value)])
  }

  /** A full Redis refuses BLMOVE; reading it allows, and the entries are what lets it recover. */
  async #poll(refusal: unknown): Promise<Buffer[]> {
    if (!reasonOf(refusal).startsWith('OOM')) throw refusal
    await pause(POLL_MS)
    return this.#sized(listOf(await this.#link.send('lrange', [this.key, 0, this.#wanted - 1])))
  }

  /** Sizes the next read by the mean of this one, so that one read stays within its bytes. */
  #sized(values: readonly unknown[]): Buffer[] {
    const entries = values.filter((value) => Buffer.isBuffer(value))
    if (entries.length > 0) {
      const bytes = entries.reduce((sum, entry) => sum + entry.length, 0)
      const fits = Math.floor((MAX_BYTES * entries.length) / Math.max(bytes, 1))
      this.#wanted = Math.min(Math.max(fits, 1), MAX_ENTRIES)
    }
    return entries
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
