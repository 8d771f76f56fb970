/**
 * The scripted front: a queue of its own in Redis, a mailbox, the worker under test, and what the cases do with them. It is a front that
 * keeps the protocol; where a case breaks a rule on purpose it writes the bytes itself.
 */
import type { Redis } from 'ioredis'
import { Broken, check, show } from '../case.js'
import { another, connect, epochOf, timeOf } from '../redis.js'
import type { PrivateRedis } from '../redis-server.js'
import { until } from '../wait.js'
import { hex, type Job, type JobTerms, makeJob, type Request, type Writer } from './job.js'
import { Inbox } from './mailbox.js'
import { Program } from './program.js'
import { type Http, httpOf, type Reply, replyOf } from './reply.js'
import { type KnownWorker, Traces } from './traces.js'

export type Level = 'simple' | 'safe' | 'full'

export interface StageOptions {
  command: readonly string[]
  env: NodeJS.ProcessEnv
  url: string
  server: PrivateRedis | undefined
  replyMs: number
  startMs: number
}

const PACES = 5
/** Jobs that may stand before one that is waited for, large ones among them. */
const PATIENCE = 200

export class WorkerStage implements Writer {
  readonly boot = hex(8)
  readonly mailbox = `tempest:mailbox:${this.boot}`
  readonly queue = `conformance-${hex(4)}`
  readonly options: StageOptions
  level: Level = 'simple'
  /** It serves the contract application. */
  app = false
  /** How long one job takes it, there and back. */
  paceMs = 1
  epoch = ''
  redis!: Redis
  inbox!: Inbox
  program!: Program
  /** Ends them. */
  readonly #lines: (() => void)[] = []
  readonly #programs = new Set<Program>()
  readonly traces = new Traces()
  #closing = false
  readonly #givenUp = new AbortController()
  #clockAhead = 0

  constructor(options: StageOptions) {
    this.options = options
  }

  /** Given when what the worker does would fill the machine's memory. */
  get givenUp(): AbortSignal {
    return this.#givenUp.signal
  }

  get private(): boolean {
    return this.options.server !== undefined
  }

  async open(): Promise<void> {
    const redis = await connect(this.options.url)
    this.redis = redis
    this.#lines.push(() => redis.disconnect())
    const reader = await another(redis)
    this.#lines.push(() => reader.disconnect())
    const inbox = new Inbox(reader, this.mailbox, (flood) => {
      this.#givenUp.abort(new Error(`the worker floods its mailbox: ${flood}`))
    })
    this.inbox = inbox
    this.#lines.push(() => inbox.stop())
    await this.readServer()
    await this.start()
  }

  /** Epoch and clock of the Redis that runs now. */
  async readServer(): Promise<void> {
    this.epoch = epochOf(await this.redis.info())
    this.#clockAhead = (await timeOf(this.redis)) - performance.now()
  }

  now(): number {
    return Math.round(performance.now() + this.#clockAhead)
  }

  /** A worker for a queue; the one under test by default, else one more that the case ends itself. @throws when the run is over */
  launch(queue: string): Program {
    if (this.#closing) throw new Error('the run is over')
    const { command, env, url } = this.options
    const own = { TEMPEST_REDIS_URL: url, TEMPEST_QUEUES: queue }
    const program = new Program(command, { ...env, ...own })
    this.traces.queues.add(queue)
    this.#programs.add(program)
    return program
  }

  async start(): Promise<void> {
    const program = this.launch(this.queue)
    this.program = program
    void program.ended.then(() => this.inbox.wake())
    await this.reply(await this.push({}), this.options.startMs)
  }

  /** Some are slow, and so are busy machines: what comes later may take as long as that shows. */
  async measure(mayWait: boolean): Promise<void> {
    const begun = performance.now()
    for (let i = 0; i < PACES; i++) await this.ask({})
    this.paceMs = (performance.now() - begun) / PACES
    const { options } = this
    if (mayWait) options.replyMs = Math.max(options.replyMs, Math.round(this.paceMs * PATIENCE))
  }

  job(request: Request, terms?: JobTerms): Job {
    return makeJob(this, request, terms)
  }

  /** @returns the id */
  async push(request: Request, terms?: JobTerms): Promise<string> {
    const { id, text } = this.job(request, terms)
    await this.redis.rpush(this.queue, text)
    return id
  }

  async pushRaw(...entries: (string | Buffer)[]): Promise<void> {
    await this.redis.rpush(this.queue, ...entries)
  }

  /** The whole reply to a job. @throws Broken where none comes, or the worker has ended. */
  async reply(id: string, limitMs = this.options.replyMs): Promise<Reply> {
    const end = performance.now() + limitMs
    for (;;) {
      const reply = replyOf(this.inbox.of(id))
      if (reply) return reply
      if (this.program.end !== undefined)
        throw new Broken(`a reply to ${show(id)}`, `the worker has ended: ${this.program.end}`)
      const left = end - performance.now()
      if (left <= 0) throw new Broken(`a reply to ${show(id)}`, `none within ${limitMs} ms`)
      await this.inbox.next(id, left)
    }
  }

  async ask(request: Request, terms?: JobTerms): Promise<Reply> {
    return this.reply(await this.push(request, terms))
  }

  async http(request: Request, terms?: JobTerms): Promise<Http> {
    return httpOf(await this.ask(request, terms))
  }

  /**
   * What was pushed before has been looked at: jobs behind it are answered, one after the other. So nobody has to sleep to see that no reply comes.
   */
  async pass(): Promise<void> {
    for (let i = 0; i < 3; i++) await this.ask({})
  }

  async checkSilent(id: string, why: string): Promise<void> {
    await this.pass()
    const [first] = this.inbox.of(id)
    check(first === undefined, `no reply: ${why}`, first?.whole)
  }

  /** A key that a case names, removed when the run is over, however it ends. */
  key(name: string): string {
    this.traces.keys.add(name)
    return name
  }

  workersOf(queue = this.queue): Promise<KnownWorker[]> {
    return this.traces.workersOf(this.redis, queue)
  }

  async worker(queue = this.queue): Promise<KnownWorker> {
    return until('a record of the worker in tempest:nodes', this.options.replyMs, async () => {
      const [found] = await this.workersOf(queue)
      return found
    })
  }

  heldBy(boot: string, queue = this.queue): Promise<string[]> {
    return this.redis.lrange(`{${queue}}:held:${boot}`, 0, -1)
  }

  /** What workers of the queue hold, also one whose record was there and is no more. */
  async held(queue = this.queue): Promise<{ boot: string; text: string }[]> {
    await this.workersOf(queue)
    const lists = [...this.traces.boots].map(async (boot) => {
      return (await this.heldBy(boot, queue)).map((text) => ({ boot, text }))
    })
    return (await Promise.all(lists)).flat()
  }

  async isHeld(text: string, queue = this.queue): Promise<boolean> {
    return (await this.held(queue)).some((each) => each.text === text)
  }

  /** Ends all workers, and removes what the run has made: keys of its own queues, its mailbox, records of its workers. */
  async close(): Promise<void> {
    this.#closing = true
    // Cases of a run that was given up go on for as long as they have a connection.
    for (const end of this.#lines) end()
    // All at once: one that lives longer than others would sweep them.
    await Promise.all([...this.#programs].map((program) => program.kill()))
    const redis = await connect(this.options.url)
    try {
      await this.traces.removeAll(redis)
      await redis.del(this.mailbox)
    } finally {
      redis.disconnect()
    }
  }

  bury(queue = this.queue): Promise<void> {
    return this.traces.remove(this.redis, queue)
  }
}
