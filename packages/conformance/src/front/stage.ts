/**
 * The scripted workers: a loop that pops what the front pushes, and hands each job to the case whose request it is. Requests are told apart by
 * their path, which is found in the text of a job, also of one that is malformed.
 */
import type { Redis } from 'ioredis'
import { setTimeout as pause } from 'node:timers/promises'
import { Broken, check } from '../case.js'
import { type Encoding, encodingOf, read } from '../encoding.js'
import { another, connect, epochOf, timeOf } from '../redis.js'
import { Bells, until } from '../wait.js'
import { type ClientRequest, Exchange } from './client.js'

export interface PoppedJob {
  text: string
  encoding: Encoding
  /** The array, or what there was instead. */
  whole: unknown
  id: string
  respondTo: string
  /** The first argument. */
  request: Record<string, unknown>
  meta: Record<string, unknown>
}

export interface FrontStageOptions {
  url: string
  redis: string
  queue: string
  replyMs: number
}

/** A front that has pushed a job listens soon. */
const LISTENS_MS = 2000
const MARK = /conformance-[0-9a-z]+-[0-9a-z]+/

export class FrontStage {
  readonly options: FrontStageOptions
  redis!: Redis
  /** What was published on the queue's cancel channel. */
  readonly cancels: string[] = []
  epoch = ''
  #clockAhead = 0
  readonly #clients: Redis[] = []
  #stopped = false
  #loop: Promise<void> = Promise.resolve()
  #count = 0
  readonly #run = Math.floor(Math.random() * 36 ** 6).toString(36)
  readonly #jobs = new Map<string, PoppedJob[]>()
  readonly #bells = new Bells()

  constructor(options: FrontStageOptions) {
    this.options = options
  }

  async open(): Promise<void> {
    const { redis, queue } = this.options
    const own = await connect(redis)
    this.redis = own
    const popper = await another(own)
    const listener = await another(own)
    this.#clients.push(own, popper, listener)
    this.epoch = epochOf(await this.redis.info())
    this.#clockAhead = (await timeOf(this.redis)) - performance.now()
    listener.on('message', (_channel, text) => void this.cancels.push(text))
    await listener.subscribe(`{${queue}}:cancel`)
    this.#loop = this.#pop(popper)
  }

  now(): number {
    return Math.round(performance.now() + this.#clockAhead)
  }

  async close(): Promise<void> {
    this.#stopped = true
    await this.#loop
  }

  /** In any case: a Redis that stands still keeps no process. */
  disconnect(): void {
    for (const redis of this.#clients) redis.disconnect()
  }

  /** A path that no other request has. @param rest what follows it, as it is to stand in the url */
  path(rest = ''): string {
    const base = new URL(this.options.url).pathname.replace(/\/$/, '')
    return `${base}/conformance-${this.#run}-${(this.#count++).toString(36)}${rest}`
  }

  send(path: string, request: ClientRequest = {}): Exchange {
    return new Exchange(new URL(path, this.options.url), request)
  }

  /** The job of the request with that path. @throws Broken where none comes. */
  async job(path: string, limitMs = this.options.replyMs): Promise<PoppedJob> {
    const mark = MARK.exec(path)?.[0] ?? ''
    if (!this.#jobs.has(mark)) await this.#bells.next(mark, limitMs)
    const job = this.#jobs.get(mark)?.[0]
    if (job) return job
    throw new Broken('a job in the queue', `none within ${limitMs} ms`)
  }

  /** How many jobs came of that request. */
  count(path: string): number {
    return this.#jobs.get(MARK.exec(path)?.[0] ?? '')?.length ?? 0
  }

  /** A request, and its job. */
  async begin(
    request: ClientRequest = {},
    rest = '',
  ): Promise<{ exchange: Exchange; job: PoppedJob; path: string }> {
    const path = this.path(rest)
    const exchange = this.send(path, request)
    return { exchange, job: await Promise.race([this.job(path), early(exchange)]), path }
  }

  /** Entries for a job, all in one RPUSH. What is neither text nor bytes goes as JSON. */
  async reply(job: PoppedJob, ...entries: unknown[]): Promise<void> {
    const texts = entries.map((entry) => {
      return typeof entry === 'string' || Buffer.isBuffer(entry) ? entry : JSON.stringify(entry)
    })
    check(job.respondTo !== '', 'a mailbox in respond_to', job.whole)
    await this.redis.rpush(job.respondTo, ...texts)
  }

  /** By the channel of the mailbox, once somebody listens there: a front may be asked before it does. */
  async publish({ respondTo }: PoppedJob, entry: unknown): Promise<void> {
    const bytes = Buffer.isBuffer(entry) ? entry : JSON.stringify(entry)
    const what = 'somebody who listens to the channel of the mailbox'
    await until(what, Math.min(LISTENS_MS, this.options.replyMs), async () => {
      return (await this.redis.publish(respondTo, bytes)) >= 1
    })
  }

  async #pop(popper: Redis): Promise<void> {
    const { queue } = this.options
    while (!this.#stopped) {
      try {
        const found = await popper.blpopBuffer(`{${queue}}:high`, queue, `{${queue}}:low`, 1)
        if (found) this.#take(found[1])
      } catch {
        await pause(20)
      }
    }
  }

  #take(bytes: Buffer): void {
    const job = readJob(bytes)
    const mark = MARK.exec(job.text)?.[0] ?? ''
    const jobs = this.#jobs.get(mark)
    if (jobs) jobs.push(job)
    else this.#jobs.set(mark, [job])
    this.#bells.ring(mark)
  }
}

/** A front that answers without a worker. Never resolves: an end is told where there is no job. */
async function early({ response }: Exchange): Promise<never> {
  const { status, body } = await response
  await pause(500) // the job of a request that was answered may be on its way here
  throw new Broken('a job in the queue', `none, but status ${status}: ${body.toString()}`)
}

function readJob(bytes: Buffer): PoppedJob {
  const encoding = encodingOf(bytes)
  const whole = read(bytes)
  const list: unknown[] = Array.isArray(whole) ? whole : []
  const [, args, respondTo, id] = list
  const request = objectOf(Array.isArray(args) ? args[0] : undefined)
  return {
    // Of MessagePack: each byte a character.
    text: bytes.toString(encoding === 'json' ? 'utf8' : 'latin1'),
    ...{ encoding, whole, request, meta: objectOf(request['meta']) },
    id: typeof id === 'string' ? id : '',
    respondTo: typeof respondTo === 'string' ? respondTo : '',
  }
}

/** Its own properties, also one that is named `__proto__`. */
export function objectOf(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {}
  return Object.defineProperties({}, Object.getOwnPropertyDescriptors(value))
}
