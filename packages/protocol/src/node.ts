/**
 * A node: any program that takes part. It has a boot id and, once it asks something, a mailbox.
 *
 * `createNode` returns at once; Redis may be away. The front is a node with HTTP in front of it.
 */
import type { AskOptions, PushOptions } from './exchange/ask.js'
import { makeCall, prepareCall } from './exchange/call.js'
import { Connections } from './redis/connections.js'
import { DeadList } from './queue/dead.js'
import { reasonOf, TempestError } from './wire/errors.js'
import { Arrivals } from './exchange/arrivals.js'
import type { Refusals } from './exchange/fate.js'
import { Claim } from './exchange/claim.js'
import { Exchanges } from './exchange/exchanges.js'
import { checkQueueName } from './wire/keys.js'
import { Mailbox } from './exchange/mailbox.js'
import { checkEncoding, checkInteger, type NodeOptions, resolveNodeOptions } from './options.js'
import { leave } from './presence/leave.js'
import { Presence, readNodes } from './presence/presence.js'
import type { NodeRecord } from './presence/record.js'
import type { SweepCounts } from './presence/remains.js'
import { publish, type PublishOptions } from './events/publish.js'
import { Pushes } from './queue/pushes.js'
import { Sender } from './queue/sender.js'
import { countSubscribers } from './events/subscribers.js'
import { encodeEcho } from './wire/verb.js'

export interface AskingNodeOptions extends NodeOptions {
  /** How many calls may wait for their reply at once; more reject with code IN_FLIGHT_FULL. @defaultValue 10000 */
  maxInFlight?: number | undefined
  /** How jobs are encoded. @defaultValue 'json' */
  encoding?: 'json' | 'msgpack' | undefined
  /** What its record says that it is. @defaultValue 'node' */
  role?: 'front' | 'node' | undefined
}

export interface NodeStats {
  boot: string
  /** Whether Redis can be used now. */
  connected: boolean
  /** Calls or requests that wait for their reply. */
  inFlight: number
  /** Characters of jobs held until Redis has confirmed them. */
  heldChars: number
  /** What came into the mailbox and was refused, by kind. */
  refusals: Refusals
  /** Per queue: jobs pushed, batches they went in, the largest batch, jobs waiting as far as known. */
  queues: ReturnType<Sender['stats']>
  /** Dead nodes this one has swept, and what became of their jobs. */
  swept: SweepCounts
}

const MAX_IN_FLIGHT = 10_000
const ECHO_MS = 5000
export class Node {
  readonly exchanges: Exchanges
  readonly arrivals: Arrivals
  /** To Redis; a front's hub uses them too. */
  readonly connections: Connections
  readonly #sender: Sender
  readonly #maxInFlight: number
  readonly #role: 'front' | 'node'
  readonly #pushes: Pushes
  #echoes = 0
  readonly #mailboxKey: string
  #mailbox: Mailbox | undefined
  #claim: Claim | undefined
  #presence: Presence | undefined
  #stopping: Promise<void> | undefined

  constructor(options: AskingNodeOptions) {
    const resolved = resolveNodeOptions(options)
    const encoding = checkEncoding(options.encoding)
    this.#maxInFlight = checkInteger('maxInFlight', options.maxInFlight ?? MAX_IN_FLIGHT, 1)
    this.connections = new Connections(resolved, {
      up: () => this.#arrive(),
      down: () => undefined,
    })
    this.#sender = new Sender(this.connections)
    this.#role = options.role ?? 'node'
    this.#mailboxKey = Mailbox.keyOf(this.connections)
    this.#pushes = new Pushes(this.connections, this.#sender, encoding)
    this.exchanges = new Exchanges(this.connections, this.#sender, this.#mailboxKey, encoding)
    this.arrivals = new Arrivals(this.connections, this.exchanges)
    this.connections.onRenewed(() => this.exchanges.pushAgain())
  }

  /** Random per process; the first part of every id this node makes. */
  get boot(): string {
    return this.connections.boot
  }

  get connected(): boolean {
    return this.connections.commands.prompt && this.#mailbox?.up !== false
  }

  /** Opens the mailbox and its channel, if they are not open yet; `ask` does it by itself. */
  openMailbox(): void {
    if (this.#mailbox) return
    this.#mailbox = new Mailbox(this.connections, (bytes) => this.arrivals.deliver(bytes))
    this.connections.listen([this.#mailboxKey], {
      message: (_channel, payload) => this.arrivals.hear(payload),
    })
    this.#presence = new Presence(this.connections, {
      describe: () => ({
        role: this.#role,
        queues: this.#sender.queues,
        stats: { inFlight: this.exchanges.size },
        longest: this.exchanges.longest,
      }),
      returned: (cancelled) => {
        if (cancelled) this.exchanges.revive()
      },
      workerAppeared: () => {
        this.#sender.repeatCancels(this.exchanges.toRedisTime(performance.now()))
      },
    })
  }

  /** Redis is here: what waits is written. */
  #arrive(): void {
    this.#sender.flush()
    void this.#claim?.renew()
    this.#presence?.register().then(
      // After an outage in which others may have taken it for dead nothing was written before.
      () => this.#sender.flush(),
      (error: unknown) => {
        this.connections.options.logger.debug({ reason: reasonOf(error) }, 'not registered')
      },
    )
  }

  /**
   * Pushes a job and waits for its result.
   * @returns what the handler returned, as JSON or MessagePack carries it.
   * @throws TempestError: DEADLINE, NO_HANDLER, HANDLER_FAILED, WORKER_LOST, REDIS_AWAY, REDIS_REFUSED, REDIS_UNFIT,
   * IN_FLIGHT_FULL, STOPPING, CANCELLED. TypeError for arguments that cannot be sent.
   */
  async ask(
    queue: string,
    action: string,
    args: readonly unknown[] = [],
    options: AskOptions = {},
  ): Promise<unknown> {
    // What cannot be sent is said before anything else.
    const call = prepareCall(queue, action, args, options, this.exchanges.encoding)
    if (this.#stopping) throw new TempestError('STOPPING', 'this node was stopped')
    return makeCall(this.exchanges, call, this.#maxInFlight, () => this.openMailbox())
  }

  /**
   * Pushes a job nobody waits for; resolves to its id when Redis has it. It is held until it was handled: where that fails, or its worker dies, it is
   * tried again, later and later, up to `maxAttempts` times, and then kept in the dead list.
   * @throws TempestError: PUSH_UNKNOWN (it may have arrived or not), REDIS_AWAY, REDIS_REFUSED, REDIS_UNFIT, STOPPING.
   */
  async push(
    queue: string,
    action: string,
    args: readonly unknown[] = [],
    options: PushOptions = {},
  ): Promise<string> {
    if (this.#stopping) throw new TempestError('STOPPING', 'this node was stopped')
    return this.#pushes.push(checkQueueName(queue), action, args, options)
  }

  /**
   * Publishes an event to all who are subscribed to a channel, on any front: through the event log, so that it can be replayed, or live.
   * @param data a string, or anything JSON can hold
   * @returns the event's id; undefined of a live one
   * @throws TempestError: REDIS_AWAY, REDIS_REFUSED, REDIS_UNFIT, PUSH_UNKNOWN (it may have been published or not). TypeError for a name or data that cannot be sent.
   */
  publish(
    channel: string,
    data: unknown,
    options: PublishOptions = {},
  ): Promise<string | undefined> {
    return publish(this.connections, channel, data, options)
  }

  /** How many clients are subscribed to a channel, on all fronts; at most a second old. @throws TempestError REDIS_AWAY. */
  subscribers(channel: string): Promise<number> {
    return countSubscribers(this.connections, channel)
  }

  /** All nodes that are here, this one included once it has a mailbox. @throws TempestError REDIS_AWAY. */
  nodes(): Promise<NodeRecord[]> {
    return readNodes(this.connections)
  }

  /** Has jobs bear `host:port` as `respond_to` once `take` was given that; until then nothing is pushed. */
  claim(): Claim {
    this.#claim ??= new Claim(this.connections, this.exchanges, (bytes) =>
      this.arrivals.deliver(bytes),
    )
    return this.#claim
  }

  /** A connection of this node's has ended as if it had died: where its connections to Redis have ended too, what it left is swept at once. */
  suspect(boot: string): void {
    this.#presence?.suspect(boot)
  }

  /** The dead list of a queue. @throws TypeError for a bad name. */
  dead(queue: string): DeadList {
    return new DeadList(queue, this.connections)
  }

  /** Pushes an entry to its own mailbox and resolves when it has come back; not before the mailbox is heard. @throws LinkError; TempestError after 5 s. */
  async echo(): Promise<void> {
    this.openMailbox()
    const id = `${this.boot}-echo-${++this.#echoes}`
    const heard = this.arrivals.echoes.await(id)
    try {
      await this.connections.commands.send('rpush', [this.#mailboxKey, encodeEcho(id)])
      await heard.within(ECHO_MS)
    } finally {
      heard.forget()
    }
  }

  stats(): NodeStats {
    return {
      boot: this.boot,
      connected: this.connected,
      inFlight: this.exchanges.size,
      heldChars: this.exchanges.heldChars,
      refusals: { ...this.arrivals.refusals },
      queues: this.#sender.stats(),
      swept: structuredClone(this.#presence?.counts ?? { sweeps: 0, jobs: {} }),
    }
  }

  /** Ends what is open with code STOPPING, removes the mailbox and closes the connections. Safe to call twice. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    this.exchanges.failAll(new TempestError('STOPPING', 'this node was stopped'))
    this.#sender.stop()
    await Promise.all([this.#mailbox?.stop(), this.#claim?.stop()])
    await leave(this.connections, this.#presence)
  }
}

/** Makes a node. It must be stopped. */
export function createNode(options: AskingNodeOptions): Node {
  return new Node(options)
}
