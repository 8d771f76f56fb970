/**
 * Whoever asks, made of plain Redis commands: pushes jobs, reads a mailbox. It knows nothing of the sources under test.
 */
import type { Redis } from 'ioredis'
import { elementsOf } from '../../../test/helpers/json'
import type { TestRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'

export interface Reply {
  verb: unknown
  id: unknown
  /** The result of an answer, what a fail carries. */
  third: unknown
}

export interface Wire {
  id?: string | number
  respondTo?: string | null
  /** Metadata, for the first argument. */
  meta?: object
}

export class Asker {
  readonly mailbox = 'tempest:mailbox:asker'
  readonly redis: Redis
  #made = 0

  constructor(server: TestRedis) {
    this.redis = server.client()
  }

  /** The bytes of a job; its id is a count where none is given. */
  job(action: string, args: unknown[] = [], wire: Wire = {}): string {
    const { id = `asker-${++this.#made}-x`, respondTo = this.mailbox, meta } = wire
    const [first, ...rest] = args
    const all = meta ? [{ ...Object(first), meta }, ...rest] : args
    return JSON.stringify([action, all, respondTo, id])
  }

  /** Metadata as a front writes it, with this many milliseconds to go. */
  meta(deadlineMs: number): object {
    return {
      v: 1,
      deadline: Date.now() + deadlineMs,
      attempt: 1,
      retry: true,
      // Of no restart that a worker could know of.
      epoch: '',
      request_id: 'r-1',
    }
  }

  async push(list: string, ...jobs: (string | Buffer)[]): Promise<void> {
    await this.redis.rpush(list, ...jobs)
  }

  /** Pushes one job to `tempest` and waits for its reply. */
  async ask(action: string, args: unknown[] = [], wire: Wire = {}): Promise<Reply> {
    await this.push('tempest', this.job(action, args, wire))
    const [reply] = await this.replies(1)
    if (!reply) throw new Error('no reply')
    return reply
  }

  /** The next replies, taken from the mailbox. */
  async replies(count: number, timeoutMs = 5000): Promise<Reply[]> {
    const replies: Reply[] = []
    await until(async () => {
      const texts = (await this.redis.lpop(this.mailbox, count - replies.length)) ?? []
      replies.push(...texts.map(toReply))
      return replies.length === count
    }, timeoutMs)
    return replies
  }
}

function toReply(text: string): Reply {
  const [verb, id, third] = elementsOf(JSON.parse(text))
  return { verb, id, third }
}

/** A handler that waits until it is let go, and tells what it was given. */
export class Gate<T> {
  readonly entered: T[] = []
  #open: Promise<void>
  #letGo: () => void = () => undefined

  constructor() {
    this.#open = new Promise((resolve) => (this.#letGo = resolve))
  }

  /** To be awaited within the handler. */
  async pass(what: T): Promise<void> {
    this.entered.push(what)
    await this.#open
  }

  /** Lets all go that wait and all that come. */
  open(): void {
    this.#letGo()
  }

  /** Lets go those that wait; who comes later waits again. */
  pulse(): void {
    this.#letGo()
    this.#open = new Promise((resolve) => (this.#letGo = resolve))
  }
}
