/** Jobs that nobody waits for: pushed now or due later, and held until they were handled. */
import { pushedJob, type PushOptions, resolvePush } from '../exchange/ask.js'
import { awayFor, type Connections } from '../redis/connections.js'
import { Delay } from './delay.js'
import { reasonOf, TempestError } from '../wire/errors.js'
import type { Encoding } from '../wire/encoding.js'
import { createIds, withAttempts } from '../wire/ids.js'
import { ATTEMPTS } from '../wire/job.js'
import type { Priority } from '../wire/keys.js'
import { LinkError } from '../redis/link.js'
import type { Outgoing } from './outbox.js'
import type { Sender } from './sender.js'

const LOOK_MS = 25

export class Pushes {
  readonly #connections: Connections
  readonly #sender: Sender
  readonly #nextId: (n: number) => string
  readonly #encoding: Encoding
  readonly #delays = new Map<string, Delay>()
  #count = 0

  constructor(connections: Connections, sender: Sender, encoding: Encoding) {
    this.#encoding = encoding
    this.#connections = connections
    this.#sender = sender
    this.#nextId = createIds(connections.boot)
  }

  /** As `Node.push`; the name was checked. */
  push(
    queue: string,
    action: string,
    args: readonly unknown[],
    options: PushOptions,
  ): Promise<string> {
    const { priority, delayMs, maxAttempts } = resolvePush(options)
    const plain = this.#nextId(++this.#count)
    const id = maxAttempts === ATTEMPTS.pushed ? plain : withAttempts(plain, maxAttempts)
    const text = pushedJob(action, args, id, this.#encoding)
    return delayMs > 0
      ? this.#pushLater(queue, priority, delayMs, id, text)
      : this.#pushNow(queue, priority, id, text)
  }

  #pushNow(queue: string, priority: Priority, id: string, text: string | Buffer): Promise<string> {
    return new Promise((resolve, reject) => {
      const job: Outgoing = {
        waitingSince: performance.now(),
        gone: false,
        encode: () => text,
        pushed: () => resolve(id),
        refused: reject,
        unknown: () => reject(unknownOutcome(id)),
      }
      this.#sender.add(this.#sender.outbox(queue), priority, job)
    })
  }

  async #pushLater(
    queue: string,
    priority: Priority,
    delayMs: number,
    id: string,
    text: string | Buffer,
  ): Promise<string> {
    const since = performance.now()
    const { options, commands } = this.#connections
    const delay = this.#delayOf(queue)
    for (;;) {
      if (commands.prompt) {
        try {
          await delay.add(Math.max(delayMs - (performance.now() - since), 0), priority, text)
          return id
        } catch (error) {
          if (!(error instanceof LinkError)) {
            throw new TempestError('REDIS_REFUSED', `Redis refused: ${reasonOf(error)}`)
          }
          if (error.sent) throw unknownOutcome(id)
        }
      }
      if (performance.now() - since >= options.redisWaitMs) {
        throw this.#connections.unfit ?? awayFor(options.redisWaitMs)
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    }
  }

  #delayOf(queue: string): Delay {
    let delay = this.#delays.get(queue)
    if (!delay) this.#delays.set(queue, (delay = new Delay(queue, this.#connections)))
    return delay
  }
}

function unknownOutcome(id: string): TempestError {
  return new TempestError('PUSH_UNKNOWN', `the connection broke while job ${id} was pushed`)
}
