/**
 * A front before a real HTTP server, and what its tests put around it: a worker from @tempest/worker, or a hand-made one that can
 * reply anything. Everything is closed by `closeAll`, which belongs into an afterEach.
 */
import { afterAll, afterEach, beforeAll } from '@jest/globals'
import { createFront, type Front, type FrontOptions, type Middleware } from '@tempest/front'
import { decodeJob, type Job, reasonOf } from '@tempest/protocol'
import { createWorker, type UrlHandler, type Worker } from '@tempest/worker'
import { Redis } from 'ioredis'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { elementsOf } from '../../../test/helpers/json'
import { startTestRedis, type TestRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'

export interface Served {
  front: Front
  server: Server
  port: number
  url: string
}

const closers: (() => unknown)[] = []

/** Closes what was made since the last time, newest first. */
export async function closeAll(): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close()
}

/** A Redis for a suite, emptied after each test, when all that `closeAll` knows has been closed. */
export function useRedis(): Pick<TestRedis, 'url' | 'cli' | 'client'> {
  let redis: TestRedis
  beforeAll(async () => {
    redis = await startTestRedis()
  })
  afterEach(async () => {
    await closeAll()
    await redis.cli('FLUSHALL')
  })
  afterAll(() => redis.stop())
  return {
    get url() {
      return redis.url
    },
    cli: (...command) => redis.cli(...command),
    client: () => redis.client(),
  }
}

/** Has `closeAll` call this. */
export function atClose(close: () => unknown): void {
  closers.push(close)
}

/**
 * A front with short patience, but for a Redis that it has still to connect to, behind a server on a free port; `attach: false` leaves the
 * server alone.
 */
export async function serve(
  options: FrontOptions & { attach?: boolean },
  app: (front: Front) => Middleware | RequestListener = (front) => front.work('tempest'),
): Promise<Served> {
  const { attach = true, ...rest } = options
  const front = createFront({ drainMs: 100, redisWaitMs: 10_000, ...rest })
  atClose(() => front.stop())
  const server = createServer(app(front))
  if (attach) front.attach(server)
  const port = await listen(server)
  return { front, server, port, url: `http://127.0.0.1:${port}` }
}

/**
 * Listens on a free port and is closed by `closeAll`. The port is below those that the system gives to others: a load generator
 * of another test that has lost its server must not find this one.
 */
export async function listen(server: Server): Promise<number> {
  for (;;) {
    server.listen(randomInt(20_000, 30_000), '127.0.0.1')
    try {
      await once(server, 'listening')
      break
    } catch (error) {
      if (!reasonOf(error).includes('EADDRINUSE')) throw error
    }
  }
  atClose(async () => {
    server.closeAllConnections()
    if (server.listening) await new Promise((resolve) => server.close(resolve))
  })
  const address = server.address()
  if (typeof address !== 'object' || !address) throw new Error('not listening')
  return address.port
}

/** A running worker of queue `tempest`. */
export async function work(redis: string, handler: UrlHandler): Promise<Worker> {
  const worker = createWorker({ redis, stopMs: 0 }).on('url', handler)
  atClose(() => worker.stop())
  await worker.start()
  return worker
}

/** Resolves when somebody listens on this channel: a front pushes jobs over another connection, and may do so before. */
export async function untilHeard({ cli }: Pick<TestRedis, 'cli'>, channel: string): Promise<void> {
  await until(async () => Number(elementsOf(await cli('PUBSUB', 'NUMSUB', channel))[1]) > 0)
}

/** A job as it came out of Redis, and the ways to end it. */
export interface Popped extends Job {
  raw: string
  /** `["answer", id, result]` into the mailbox. */
  answer(result: unknown): Promise<unknown>
  /** Any text into the mailbox. */
  push(entry: string): Promise<unknown>
}

/** A worker made by hand: BLPOP and RPUSH. */
export class Hand {
  readonly redis: Redis
  readonly #pushing: Redis
  readonly #id: Promise<number | undefined>
  #answersAll = false

  constructor(url: string) {
    this.redis = new Redis(url, { maxRetriesPerRequest: 0 })
    this.#pushing = new Redis(url, { maxRetriesPerRequest: 0 })
    for (const each of [this.redis, this.#pushing]) each.on('error', () => undefined)
    this.#id = this.redis.client('ID').catch(() => undefined)
    atClose(async () => {
      // Else Redis may hear of its end late, and give it a job of the next test.
      const id = this.#answersAll ? await this.#id : undefined
      if (id !== undefined) await this.#pushing.client('KILL', 'ID', id).catch(() => undefined)
      this.redis.disconnect()
      this.#pushing.disconnect()
    })
  }

  /** The next job of a list, waited for. */
  async pop(list = 'tempest'): Promise<Popped> {
    const reply = await this.redis.blpop(list, 5)
    if (!reply) throw new Error(`no job came to ${list}`)
    const raw = reply[1]
    const job = decodeJob(Buffer.from(raw))
    if ('malformed' in job) throw new Error(`not a job: ${job.malformed}: ${raw}`)
    const push = (entry: string): Promise<unknown> =>
      this.#pushing.rpush(job.respondTo ?? 'nobody', entry)
    return {
      ...job,
      raw,
      push,
      answer: (result) => push(JSON.stringify(['answer', job.id, result])),
    }
  }

  /** Answers every job of `tempest` with what `reply` makes of it, until `closeAll`. */
  answerAll(reply: (job: Popped) => unknown): void {
    this.#answersAll = true
    void (async () => {
      for (;;) {
        const job = await this.pop()
        await job.answer(reply(job))
      }
    })().catch(() => undefined) // the connection was closed
  }
}

/** The own properties of what should be an object. */
export function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null
    ? Object.fromEntries(Object.entries(value))
    : {}
}
