/**
 * A worker made of plain Redis commands, as the protocol's page shows it: BLPOP, parse, RPUSH to respond_to.
 * It knows nothing of the sources under test.
 */
import type { Redis } from 'ioredis'
import { elementsOf } from '../../../test/helpers/json'
import type { TestRedis } from '../../../test/helpers/redis'

export interface WireJob {
  raw: string
  action: unknown
  args: unknown[]
  respondTo: unknown
  id: string
}

export class Hand {
  readonly redis: Redis

  constructor(server: TestRedis) {
    this.redis = server.client()
  }

  /** The next job of a list; fails if none comes within 5 s. */
  async pop(list = 'tempest'): Promise<WireJob> {
    const popped = await this.redis.blpop(list, 5)
    if (!popped) throw new Error(`no job came into ${list}`)
    return parse(popped[1])
  }

  /** Pushes verbs to the mailbox a job names, all in one command. */
  async reply(job: WireJob, ...entries: unknown[]): Promise<void> {
    const texts = entries.map((entry) => JSON.stringify(entry))
    await this.redis.rpush(String(job.respondTo), ...texts)
  }

  /** Answers every job with what the function makes of it, until the server is stopped or its connection is closed. */
  async serve(answer: (job: WireJob) => unknown, list = 'tempest'): Promise<void> {
    for (;;) {
      const popped = await this.redis.blpop(list, 0).catch(() => null)
      if (!popped) return
      const job = parse(popped[1])
      await this.reply(job, ['answer', job.id, answer(job)]).catch(() => undefined)
    }
  }
}

export function parse(raw: string): WireJob {
  const value = elementsOf(JSON.parse(raw))
  const [action, args, respondTo, id] = value
  if (value.length !== 4 || !Array.isArray(args) || typeof id !== 'string') {
    throw new Error(`not a job: ${raw}`)
  }
  return { raw, action, args, respondTo, id }
}
