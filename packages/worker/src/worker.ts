/**
 * A worker: pops jobs from its queues, runs handlers, replies.
 *
 * It wires the parts and owns their life: made → running → stopping → stopped, never backward.
 */
import {
  checkAction,
  checkRedisOption,
  Connections,
  keys,
  Presence,
  TempestError,
} from '@tempest/protocol'
import { noJobs, noPops, type WorkerStats } from './counts.js'
import type { Actions, AnyActions, UrlHandler } from './handlers.js'
import { Intake } from './intake.js'
import { leave } from './leave.js'
import { resolveWorkerOptions, type ResolvedWorkerOptions, type WorkerOptions } from './options.js'
import { Popper } from './popper.js'
import { Replies } from './replies.js'
import { type AnyHandler, Runner } from './runner.js'
import { Settler } from './settler.js'
import { Source } from './source.js'
import { Streams } from './stream/streams.js'
import { within } from './within.js'

/** All that lives from start to stop. */
interface Parts {
  connections: Connections
  sources: Source[]
  replies: Replies
  streams: Streams
  runner: Runner
  intake: Intake
  popper: Popper
  presence: Presence
}

export class Worker<A extends Actions = AnyActions> {
  readonly #options: ResolvedWorkerOptions
  readonly #handlers = new Map<string, AnyHandler>()
  #parts: Parts | undefined
  #state: WorkerStats['state'] = 'made'
  #started: Promise<void> | undefined
  #stopped: Promise<void> | undefined
  #unfit: ((error: unknown) => void) | undefined

  constructor(options: WorkerOptions) {
    this.#options = resolveWorkerOptions(options)
    checkRedisOption(this.#options.node.redis)
  }

  /**
   * Sets the handler of an action; `url` is HTTP. All workers of a queue are expected to handle the same actions.
   * @throws TypeError for a verb's name, a second handler of one action, or anything that is not a function.
   */
  on(action: 'url', handler: UrlHandler): this
  on<K extends keyof A & string>(action: K, handler: A[K]): this
  on(action: string, handler: AnyHandler): this {
    checkAction(action)
    if (typeof (handler as unknown) !== 'function') {
      throw new TypeError(`on(${JSON.stringify(action)}): the handler is not a function`)
    }
    if (this.#handlers.has(action)) {
      throw new TypeError(`on(${JSON.stringify(action)}): this action has a handler already`)
    }
    this.#handlers.set(action, handler)
    return this
  }

  /**
   * Starts to pop. Resolves when it does; while Redis is away it goes on trying.
   * @throws TempestError REDIS_UNFIT where this Redis will not do, the worker is then stopped; STOPPING where `stop()` comes first.
   */
  start(): Promise<void> {
    this.#started ??= this.#start()
    return this.#started
  }

  /** Takes no more jobs; those that run go on. Resolves when nothing more can come. */
  async quiet(): Promise<void> {
    if (this.#state === 'running') this.#state = 'quiet'
    await this.#parts?.popper.quiet()
  }

  /** Takes no more, finishes what runs within `stopMs`, puts back what was not begun, closes. Safe to call twice. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  stats(): WorkerStats {
    const parts = this.#parts
    return {
      ...(parts ? structuredClone(parts.runner.counts) : noJobs()),
      boot: parts?.connections.boot ?? '',
      state: this.#state,
      connected: parts?.connections.commands.up ?? false,
      running: parts?.runner.running.size ?? 0,
      waiting: parts ? parts.popper.waiting + parts.intake.suspects.waiting : 0,
      held: parts?.sources.reduce((sum, source) => sum + source.held, 0) ?? 0,
      unconfirmed: parts?.replies.unconfirmed ?? 0,
      undeliverable: parts?.replies.undeliverable ?? 0,
      replyBatches: parts?.replies.batches ?? 0,
      largestReplyBatch: parts?.replies.largest ?? 0,
      pops: { ...(parts?.popper.counts ?? noPops()) },
      swept: structuredClone(parts?.presence.counts ?? { sweeps: 0, jobs: {} }),
    }
  }

  async #start(): Promise<void> {
    if (this.#stopped) throw new TempestError('STOPPING', 'this worker was stopped')
    this.#state = 'running'
    const unfit = new Promise<never>((_resolve, reject) => (this.#unfit = reject))
    this.#parts = this.#open()
    try {
      await Promise.race([this.#parts.popper.whenPopping(), unfit])
    } catch (error) {
      // Without this the process would go on trying a Redis that will not do.
      await this.stop()
      throw error
    }
  }

  #open(): Parts {
    const { node, queues, order, concurrency, retryBudget } = this.#options
    const connections: Connections = new Connections(node, {
      up: () => {
        replies.flush()
        popper.linked()
      },
      down: () => {
        if (connections.unfit) this.#unfit?.(connections.unfit)
        popper.trouble()
      },
    })
    const changed = { up: () => popper.linked(), down: () => popper.trouble() }
    const budget = { share: retryBudget, floor: concurrency }
    const sources = queues.map(
      (queue) => new Source(queue, { order, budget }, connections, changed),
    )
    const replies = new Replies(connections)
    const settler = new Settler()
    const streams = new Streams(connections, replies, this.#options.direct)
    const runner = new Runner(connections, replies, streams, this.#handlers, (source) => {
      popper.freed()
      settler.add(source)
    })
    const intake: Intake = new Intake(connections, replies, runner, () => popper.freed())
    const presence: Presence = new Presence(connections, {
      describe: () => ({
        role: 'worker',
        queues,
        suspects: true,
        stats: { running: runner.running.size, answered: runner.counts.answered },
      }),
      // What was held may be somebody else's now.
      returned: () => popper.trouble(),
      stalled: () => popper.trouble(),
      isCancelled: (base) => intake.cancels.has(base),
    })
    const popper: Popper = new Popper(
      connections,
      sources,
      replies,
      {
        free: () => concurrency - intake.taken,
        begin: (popped, source) => intake.begin(popped, source),
      },
      {
        register: () => presence.register(),
        stalled: () => presence.isStalled,
        recovered: (source) => intake.suspects.mend(source),
      },
    )
    settler.failed = () => popper.trouble()
    const bells = new Set(queues.map(keys.bell))
    connections.listen([...bells, ...queues.map(keys.cancel)], {
      // Bells may have rung while nobody listened.
      up: () => popper.ring(),
      message: (channel, payload) => {
        if (bells.has(channel)) popper.ring()
        else intake.cancel(payload)
      },
    })
    return { connections, sources, replies, streams, runner, intake, popper, presence }
  }

  async #stop(): Promise<void> {
    this.#unfit?.(new TempestError('STOPPING', 'this worker was stopped'))
    const parts = this.#parts
    if (parts) await this.#close(parts)
    this.#state = 'stopped'
  }

  async #close(parts: Parts): Promise<void> {
    const { connections, sources, replies, streams, runner, intake, popper, presence } = parts
    const stopAt = performance.now() + this.#options.stopMs
    intake.stop()
    await within(stopAt, this.quiet())
    while (runner.running.size > 0 && performance.now() < stopAt) await pause(LOOK_MS)
    runner.dropAll()
    replies.flush()
    // The last replies and removals get a little time beyond stopMs: they are all that keeps a job from being run twice.
    const endAt = Math.max(stopAt, performance.now() + LAST_MS)
    // What is left are replies in pieces that have to say that they end.
    while (runner.running.size > 0 && performance.now() < endAt) await pause(LOOK_MS)
    await within(endAt, replies.whenQuiet())
    await within(endAt, streams.stop())
    // Without a recovery nothing was ever popped, and a Redis that is away owes nothing.
    if (connections.commands.up || popper.counts.recoveries > 0) {
      const { logger } = connections.options
      const leaveAt = Math.max(endAt, performance.now() + LAST_MS)
      const left = await Promise.all(sources.map((source) => leave(source, leaveAt, logger)))
      // Where something is left its record stays, and with it the promise that somebody sees to it.
      if (left.every(Boolean))
        await within(
          leaveAt,
          presence.leave().catch(() => undefined),
        )
    }
    presence.close()
    connections.close()
  }
}

const LOOK_MS = 10
const LAST_MS = 2000

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Makes a worker; give it handlers with `on`, then `start()` it. It must be stopped. */
export function createWorker<A extends Actions = AnyActions>(options: WorkerOptions): Worker<A> {
  return new Worker<A>(options)
}
