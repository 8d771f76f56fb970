/**
 * The connections of one node: one for commands, one for each parked call, one that listens. Never one per client.
 *
 * It also keeps what the commands connection tells: whether this Redis will do, its epoch and its time.
 */
import type { Redis, RedisOptions } from 'ioredis'
import { TempestError } from '../wire/errors.js'
import { RedisClock } from './clock.js'
import { createBoot } from '../wire/ids.js'
import { Link, type LinkHandlers } from './link.js'
import type { ResolvedNodeOptions } from '../options.js'
import { infoSections, readServerFacts } from './server.js'
import { createTemplate } from './template.js'

/** How long, in seconds, a blocking call may park. */
export const BLOCK_S = 2

const COMMAND_SILENCE_MS = 3000
const BLOCK_SILENCE_MS = BLOCK_S * 1000 + 1500
const BEAT_MS = 1000
const WAIT_TICK_MS = 10
/** How often, in beats, the epoch is read anew. */
const EPOCH_BEATS = 5

/** Something a node does at each beat while the commands connection is up. A rejection is only logged. */
export type Chore = () => Promise<void>

export class Connections {
  readonly boot = createBoot()
  readonly clock = new RedisClock()
  readonly commands: Link
  readonly options: ResolvedNodeOptions
  /** Why the last connection was refused, if this Redis will not do. */
  unfit: TempestError | undefined
  /** Which life of Redis this is: it changes when what is in it may have. */
  epoch = ''
  /** When this node last said that it is here; undefined: it need not. */
  registeredAt: number | undefined
  /** Until when jobs may be pushed, in ms of the monotonic clock: it is known where replies are to go. */
  pushUntil = Infinity
  readonly #template: Redis
  readonly #links = new Set<Link>()
  readonly #chores = new Set<Chore>()
  readonly #renewed: (() => void)[] = []
  readonly #beat: NodeJS.Timeout
  #beats = 0

  constructor(options: ResolvedNodeOptions, handlers: { up: () => void; down: () => void }) {
    this.options = options
    this.#template = createTemplate(options.redis)
    this.commands = this.#open('commands', COMMAND_SILENCE_MS, {
      prepare: (link) => this.#inspect(link),
      unfit: (error) => {
        this.unfit = error
        options.logger.error({ boot: this.boot }, error.message)
        handlers.down()
      },
      up: handlers.up,
      down: handlers.down,
    })
    this.#beat = setInterval(() => void this.#work(), BEAT_MS)
    this.#beat.unref()
  }

  /** Redis answers, and nobody can have taken this node for dead meanwhile, which would drop what it pushes. */
  get mayPush(): boolean {
    const { registeredAt } = this
    // What a dead node has pushed is cancelled after three times its patience.
    const doubtful =
      registeredAt !== undefined && performance.now() - registeredAt > 2 * this.options.patienceMs
    return this.commands.prompt && !doubtful && performance.now() < this.pushUntil
  }

  /** Waits for the commands connection. @throws TempestError REDIS_AWAY after `redisWaitMs`, or REDIS_UNFIT. */
  async whenUp(): Promise<void> {
    const { redisWaitMs } = this.options
    const until = performance.now() + redisWaitMs
    while (!this.commands.up) {
      if (performance.now() >= until) throw this.unfit ?? awayFor(redisWaitMs)
      await new Promise((resolve) => setTimeout(resolve, WAIT_TICK_MS))
    }
  }

  /** A connection for one blocking call at a time. */
  block(name: string, handlers: LinkHandlers): Link {
    return this.#open(name, BLOCK_SILENCE_MS, handlers)
  }

  /** A connection that listens on channels; a PING at each beat notices when it has gone deaf. */
  listen(channels: string[], handlers: LinkHandlers): Link {
    const link = this.#open('listen', COMMAND_SILENCE_MS, {
      ...handlers,
      prepare: async (fresh) => {
        await fresh.prepareSend('subscribe', channels)
      },
    })
    this.every(async () => {
      if (!link.up) return
      // Messages that still arrive hide from the socket's own time-out that nothing gets through the other way.
      if (link.owesMs > COMMAND_SILENCE_MS) link.reset()
      else await link.send('ping', [])
    })
    return link
  }

  /** What Redis is reached with; for who connects from a thread of its own. */
  get redisOptions(): RedisOptions {
    return this.#template.options
  }

  /** Calls back when Redis has been restarted, or another has taken its place: `epoch` is then the new one. */
  onRenewed(renewed: () => void): void {
    this.#renewed.push(renewed)
  }

  /** Reads the epoch anew. @throws what `Link.send` throws. */
  async readEpoch(): Promise<void> {
    const info = String(await this.commands.send('info', infoSections))
    try {
      this.#learn(info)
    } catch (error) {
      // It has become a replica, or may evict: a new connection is refused and says why.
      this.commands.reset()
      throw error
    }
  }

  /** Adds a chore to the beat of one second. */
  every(chore: Chore): void {
    this.#chores.add(chore)
  }

  /** Unparks a blocking call. Resolves to whether one was parked. */
  async unblock(link: Link): Promise<boolean> {
    const id = link.clientId
    if (id === undefined || !this.commands.up) return false
    return (await this.commands.send('client', ['UNBLOCK', id])) === 1
  }

  /** Ends a link's connection at Redis: nothing it sent can still be carried out after this. */
  async kill(link: Link): Promise<void> {
    const filter = link.killFilter
    if (filter.length > 0) await this.commands.send('client', ['KILL', ...filter])
  }

  close(): void {
    clearInterval(this.#beat)
    for (const link of this.#links) link.close()
    this.#template.disconnect()
  }

  #open(name: string, silenceMs: number, handlers: LinkHandlers): Link {
    const link = new Link(
      `tempest:${this.boot}:${name}`,
      this.#template,
      silenceMs,
      this.options.logger,
      handlers,
    )
    this.#links.add(link)
    return link
  }

  async #inspect(link: Link): Promise<void> {
    this.#learn(String(await link.prepareSend('info', infoSections)))
    await this.#readTime(() => link.prepareSend('time', []))
  }

  #learn(info: string): void {
    const { epoch } = readServerFacts(info)
    this.unfit = undefined
    const before = this.epoch
    this.epoch = epoch
    if (before === '' || before === epoch) return
    this.options.logger.warn({ boot: this.boot, before, epoch }, 'Redis was restarted or replaced')
    // Only when this connection is up can anything be done about it.
    setImmediate(() => {
      for (const renewed of this.#renewed) renewed()
    })
  }

  async #readTime(ask: () => Promise<unknown>): Promise<void> {
    const sentAt = performance.now()
    const time = await ask()
    const at = performance.now()
    this.clock.observe(time, at, at - sentAt)
  }

  async #work(): Promise<void> {
    if (!this.commands.up) return
    const chores = [...this.#chores].map((chore) => chore())
    chores.push(this.#readTime(() => this.commands.send('time', [])))
    // A restart breaks the connection, and is noticed by that; a replica that was promoted is not.
    if (++this.#beats % EPOCH_BEATS === 0) chores.push(this.readEpoch())
    for (const result of await Promise.allSettled(chores)) {
      if (result.status === 'rejected') {
        this.options.logger.debug({ reason: String(result.reason) }, 'a chore of the beat failed')
      }
    }
  }
}

/** Redis was not there for so many ms. */
export function awayFor(ms: number): TempestError {
  return new TempestError('REDIS_AWAY', `no connection to Redis within ${ms} ms`)
}
