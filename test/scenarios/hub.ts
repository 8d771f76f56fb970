/**
 * Where scenarios of `/sub` play: one real Redis, fronts in a process each, subscribers and a publisher here. What every scenario
 * must show at its end is `close`: each subscriber heard what was published, id by id; nothing is left; SIGTERM ends the fronts.
 */
import { Subscriber, type SubscriberOptions } from '../helpers/events'
import { elementsOf, fieldsOf } from '../helpers/json'
import { endPrograms, type Program, startProgram } from '../helpers/programs/start'
import { startTestRedis, type TestRedis } from '../helpers/redis'
import { startStallMeter } from '../helpers/stall'
import { until } from '../helpers/until'
import { complaintsOf, dueOf, type Gaps, hasHeardAll, type Listener } from './heard'
import { createPublisher, type Publisher } from './publisher'

export interface HubFront {
  readonly program: Program
  readonly port: number
  /** Of `stats().sub`. */
  count(name: string): Promise<number>
  /** What its process holds, where it may collect. */
  liveBytes(): Promise<number>
}

interface FrontPlan {
  /** Of front.sub. */
  sub?: Record<string, unknown>
  /** @defaultValue that of the hub's Redis */
  redis?: string
}

export interface Hub {
  readonly redis: TestRedis
  readonly publisher: Publisher
  readonly listeners: readonly Listener[]
  /** @param plan with flags of Node for its process */
  front(plan?: FrontPlan & { flags?: string[] }): Promise<HubFront>
  /** Several in one process. */
  fronts(plans: readonly FrontPlan[]): Promise<HubFront[]>
  listen(
    fronts: readonly HubFront[],
    channels: readonly string[],
    options?: SubscriberOptions,
  ): Listener
  /** Resolves when all who are to stay have joined. */
  joined(listeners?: readonly Listener[]): Promise<void>
  /** Publishes no more; resolves when all who are there have heard all. @throws what is wrong with the account. */
  settle(gaps?: Gaps, ms?: number): Promise<void>
  /** What is wrong with what these have heard so far; those who left are judged by what they had until then. */
  complaints(gaps?: Gaps): Promise<string[]>
  /** How long, in ms, we or a front had no core. */
  stalledMs(): Promise<number>
  /** All subscribers leave, and nothing of them stays; then the fronts end. */
  close(): Promise<void>
  /** Ends whatever still runs; for afterAll. */
  stop(): Promise<void>
}

/** `c0`, `c1` and so on. */
export function channelsOf(letter: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${letter}${i}`)
}

const JOIN_MS = 15_000
const SETTLE_MS = 15_000
const CLEAN_MS = 8000
const REPEAT_MS = 400
const SHOWN = 20
/** Where somebody had no core for this long in all, a front may have taken its silent subscription for a dead one. */
const STARVED_MS = 1000

export async function openHub(...args: string[]): Promise<Hub> {
  const meter = startStallMeter()
  const redis = await startTestRedis(...args)
  const publisher = createPublisher(redis)
  const listeners: Listener[] = []
  const fronts: HubFront[] = []
  /** Those that have not ended. */
  const programs = new Set<Program>()
  let opened = 0

  async function published(): Promise<Parameters<typeof complaintsOf>[1]> {
    return { entries: await publisher.entries(), live: publisher.live }
  }

  async function complaints(gaps: Gaps = []): Promise<string[]> {
    const all = await published()
    const may: Gaps = (await stalledMs()) > STARVED_MS ? [...gaps, 'live'] : gaps
    return listeners.flatMap((listener) => complaintsOf(listener, all, may))
  }

  async function stalledMs(): Promise<number> {
    const told = await askAll('stalled')
    return told.reduce((sum: number, each) => sum + Number(each), meter.stalledMs)
  }

  async function start(plans: readonly FrontPlan[], flags: string[]): Promise<HubFront[]> {
    const configs = plans.map(({ sub = {}, redis: url = redis.url }) => {
      return { queue: 'q0', redis: url, work: {}, sub: { spreadMs: 100, ...sub } }
    })
    const program = await startProgram('front', configs, { flags })
    programs.add(program)
    void program.ended.then(() => programs.delete(program))
    const started = elementsOf(await program.ask('ports')).map((port, i): HubFront => {
      return {
        program,
        port: Number(port),
        async count(name) {
          const stats = elementsOf(await program.ask('stats'))[i]
          return Number(fieldsOf(fieldsOf(stats).sub)[name])
        },
        async liveBytes() {
          // Large buffers that one collection finds are given back a little later.
          await program.ask('resources')
          return Number(fieldsOf(await program.ask('resources')).live)
        },
      }
    })
    fronts.push(...started)
    return started
  }

  const living = (): HubFront[] => fronts.filter(({ program }) => programs.has(program))

  async function askAll(what: string): Promise<unknown[]> {
    return Promise.all([...programs].map((program) => program.ask(what)))
  }

  /** Application channels that Redis still has subscribers for. */
  async function subscribed(): Promise<string[]> {
    const channels = elementsOf(await redis.cli('PUBSUB', 'CHANNELS')).map(String)
    return channels.filter((channel) => !channel.startsWith('tempest:'))
  }

  return {
    redis,
    publisher,
    listeners,
    async front({ flags = [], ...plan } = {}) {
      const [front] = await start([plan], flags)
      if (!front) throw new Error('no front')
      return front
    },
    fronts: (plans) => start(plans, []),
    listen(at, channels, options = {}) {
      const sentAtJoin: Listener['sentAtJoin'] = new Map()
      const ports = at.map(({ port }) => port)
      const stream = new Subscriber(ports, `/sub/${channels.join()}`, {
        ...options,
        joined: (joined) => {
          sentAtJoin.set(joined.connections.length - 1, new Map(publisher.live))
          options.joined?.(joined)
        },
      })
      const name = `${opened++} on ${channels.join()}`
      const listener: Listener = { name, channels, stream, sentAtJoin }
      listeners.push(listener)
      return listener
    },
    async joined(given = listeners) {
      await until(() => given.every(({ stream }) => stream.joined), JOIN_MS)
    },
    async settle(gaps = [], ms = SETTLE_MS) {
      await publisher.rest()
      const staying = listeners.filter(({ stream }) => !stream.closed)
      const deadline = performance.now() + ms
      const all = await published()
      let toldAt = -Infinity
      const settled = async (): Promise<boolean> => {
        if (staying.every((listener) => hasHeardAll(listener, all))) return true
        if (performance.now() > deadline) return true
        // What was told while Redis had no subscriber is lost: whether one is there again, only the next one shows.
        if (
          performance.now() - toldAt > REPEAT_MS &&
          staying.every(({ stream }) => stream.joined)
        ) {
          toldAt = performance.now()
          await Promise.all([...publisher.live.keys()].map((channel) => publisher.tell(channel)))
        }
        return false
      }
      await until(settled, ms + JOIN_MS)
      const wrong = (await complaints(gaps)).concat(
        staying
          .filter(({ stream }) => !stream.joined)
          .map(
            ({ name, stream }) => `${name} has not joined: ${JSON.stringify(stream.connections)}`,
          ),
      )
      if (wrong.length === 0) return
      const due = listeners.reduce((sum, each) => sum + dueOf(each, all.entries).length, 0)
      const stats = await askAll('stats')
      throw new Error(
        `${[...wrong.slice(0, SHOWN), `(${wrong.length} in all)`].join('\n')}\n` +
          `${listeners.length} listeners, ${all.entries.length} entries, ${due} due; ${JSON.stringify(stats)}`,
      )
    },
    complaints,
    stalledMs,
    async close() {
      for (const { stream } of listeners) stream.close()
      await until(async () => {
        const counts = living().flatMap((front) => [
          front.count('subscribers'),
          front.count('channels'),
        ])
        return (await Promise.all(counts)).every((count) => count === 0)
      }, CLEAN_MS)
      await until(async () => (await subscribed()).length === 0, CLEAN_MS)
      const resources = await askAll('resources')
      const warnings = resources.map((each) => Number(fieldsOf(each).warnings))
      if (warnings.some((count) => count > 0)) throw new Error('an emitter has too many listeners')
      const codes = await Promise.all([...programs].map((program) => program.end()))
      if (codes.some((code) => code !== 0))
        throw new Error(`SIGTERM ended fronts with ${codes.join()}`)
    },
    async stop() {
      meter.stop()
      for (const { stream } of listeners) stream.close()
      await publisher.rest()
      await endPrograms()
      await redis.stop()
    },
  }
}
