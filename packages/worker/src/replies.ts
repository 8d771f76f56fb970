/**
 * Replies on their way: those of a turn to one mailbox are one call; each is told to its job only when Redis has it.
 *
 * A reply whose connection broke is sent again: the front knows a repeat by its id. A mailbox that Redis refuses to write (its
 * name is taken by something else) is logged and given up; the job is then over, and the deadline tells the client.
 */
import { type Connections, isReplyError, LinkError, pushEntries, reasonOf } from '@tempest/protocol'

const MAX_BATCH = 500
const MAX_BATCH_CHARS = 1024 * 1024
const AGAIN_MS = 200

interface Reply {
  /** Where it stands in the order in which they came. */
  n: number
  entry: string | Buffer
  confirmed: () => void
}

export class Replies {
  readonly #connections: Connections
  #waiting = new Map<string, Reply[]>()
  #added = 0
  #scheduled = false
  #unconfirmed = 0
  #quiet: (() => void)[] = []
  batches = 0
  largest = 0
  undeliverable = 0

  constructor(connections: Connections) {
    this.#connections = connections
  }

  /** Replies that Redis has not confirmed. */
  get unconfirmed(): number {
    return this.#unconfirmed
  }

  add(mailbox: string, entry: string | Buffer, confirmed: () => void): void {
    this.#unconfirmed++
    const replies = this.#waiting.get(mailbox)
    const reply = { n: this.#added++, entry, confirmed }
    if (replies) replies.push(reply)
    else this.#waiting.set(mailbox, [reply])
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.flush()
    })
  }

  /** Writes what waits now, instead of at the end of the turn. */
  flush(): void {
    if (this.#waiting.size === 0 || !this.#connections.commands.up) return
    const waiting = this.#waiting
    this.#waiting = new Map()
    for (const [mailbox, replies] of waiting) this.#sendAll(mailbox, replies)
  }

  /** Resolves when every reply so far was confirmed or given up. */
  whenQuiet(): Promise<void> {
    return this.#unconfirmed === 0
      ? Promise.resolve()
      : new Promise((resolve) => this.#quiet.push(resolve))
  }

  #sendAll(mailbox: string, replies: Reply[]): void {
    let from = 0
    let chars = 0
    replies.forEach((reply, i) => {
      const full = i - from === MAX_BATCH || chars + reply.entry.length > MAX_BATCH_CHARS
      if (i > from && full) {
        void this.#send(mailbox, replies.slice(from, i))
        from = i
        chars = 0
      }
      chars += reply.entry.length
    })
    void this.#send(mailbox, from === 0 ? replies : replies.slice(from))
  }

  async #send(mailbox: string, batch: Reply[]): Promise<void> {
    this.batches++
    this.largest = Math.max(this.largest, batch.length)
    try {
      const entries = batch.map((reply) => reply.entry)
      await pushEntries(this.#connections.commands, mailbox, entries)
    } catch (error) {
      const given = isReplyError(error) && reasonOf(error).startsWith('WRONGTYPE')
      if (!given) {
        // Of several batches that fail each comes here, the first one first.
        const waiting = [...batch, ...(this.#waiting.get(mailbox) ?? [])]
        this.#waiting.set(
          mailbox,
          waiting.sort((one, other) => one.n - other.n),
        )
        // A Redis that refuses for now (a replica, a busy script, lost rights) is asked again.
        if (!(error instanceof LinkError)) setTimeout(() => this.flush(), AGAIN_MS).unref()
        // The return of the connection flushes. Doing so here could spin without ever letting it return.
        return
      }
      this.undeliverable += batch.length
      this.#connections.options.logger.error(
        { mailbox, replies: batch.length, reason: reasonOf(error) },
        'Redis refused replies',
      )
    }
    for (const reply of batch) reply.confirmed()
    this.#unconfirmed -= batch.length
    if (this.#unconfirmed > 0) return
    for (const resolve of this.#quiet) resolve()
    this.#quiet = []
  }
}
