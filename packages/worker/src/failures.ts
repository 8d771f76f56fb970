/**
 * What one queue keeps of jobs that went wrong: the marks of suspects that run, the delay of failed jobs nobody waits for, and entries that
 * could not be decoded.
 */
import {
  type Connections,
  keys,
  type Outcome,
  sendAllAnyway,
  settle,
  splitId,
  verdictOf,
} from '@tempest/protocol'
import type { Popped } from './held.js'
import { markScript } from './scripts.js'

export class Failures {
  readonly #queue: string
  readonly #connections: Connections
  readonly #marks: string

  constructor(queue: string, connections: Connections) {
    this.#queue = queue
    this.#connections = connections
    this.#marks = keys.suspects(queue, connections.boot)
  }

  /** Whether anything stands against a job of a further attempt. */
  async isSuspect(base: string): Promise<boolean> {
    const { commands } = this.#connections
    return (await commands.send('exists', [keys.history(this.#queue, base)])) === 1
  }

  /** Names a job of a further attempt that begins. */
  async mark(id: string): Promise<void> {
    const { commands, boot } = this.#connections
    await commands.script(markScript, [this.#marks, keys.workers(this.#queue)], [boot, id])
  }

  /** It has ended. What stays named is mended when the connection is back. @param over nothing stands against it any more. */
  unmark(mark: string, over: boolean): void {
    const { commands } = this.#connections
    commands.send('srem', [this.#marks, mark]).catch(() => undefined)
    if (!over) return
    const { base } = splitId(mark)
    commands.send('del', [keys.history(this.#queue, base)]).catch(() => undefined)
  }

  /** Names exactly these. */
  async remark(ids: string[]): Promise<void> {
    const { commands } = this.#connections
    // In one write: whoever dies in between has begun what is named.
    const cleared = commands.send('del', [this.#marks])
    const named = sendAllAnyway(commands, 'SADD', this.#marks, ids)
    await Promise.all([cleared, named])
  }

  /** A job nobody waits for has failed: it is tried again, later and later, or goes to the dead list; what cannot be decoded does so at once. */
  tryLater({ raw }: Popped, code: string): Promise<Outcome> {
    const { commands, boot, clock, epoch } = this.#connections
    const verdict = verdictOf(raw, {
      ...{ suspects: new Set<string>(), began: 'all', epoch },
      untilMs: () => Infinity,
      isCancelled: () => false,
    })
    const cause = { code, at: clock.toRedis(performance.now()), reason: code, swept: false }
    return settle(commands, this.#queue, boot, raw, verdict, cause)
  }
}
