/**
 * A node: any program that takes part. It has a boot id and, once it asks something, a mailbox.
 *
 * `createNode` returns at once; Redis may be away. The front is a node with HTTP in front of it.
 */
import { jobText, pushedJob, resolveAsk, type AskOptions, type PushOptions } from './ask.js'
import { Connections } from './connections.js'
import { reasonOf, TempestError } from './errors.js'
import { Exchanges, type Refusals } from './exchanges.js'
import { createIds } from './ids.js'
import { checkQueueName } from './keys.js'
import { Mailbox } from './mailbox.js'
import { checkInteger, type NodeOptions, resolveNodeOptions } from './options.js'
import type { Outgoing } from './outbox.js'
import { Sender } from './sender.js'

export interface AskingNodeOptions extends NodeOptions {
  /** How many calls may wait for their reply at once; more reject with code IN_FLIGHT_FULL. @defaultValue 10000 */
  maxInFlight?: number | undefined
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
}

const MAX_IN_FLIGHT = 10_000

export class Node {
  readonly exchanges: Exchanges
  readonly #connections: Connections
  readonly #sender: Sender
  readonly #maxInFlight: number
  readonly #nextId: (n: number) => string
  #pushed = 0
  readonly #mailboxKey: string
  #mailbox: Mailbox | undefined
  #stopping: Promise<void> | undefined

  constructor(options: AskingNodeOptions) {
    const resolved = resolveNodeOptions(options)
    this.#maxInFlight = checkInteger('maxInFlight', options.maxInFlight ?? MAX_IN_FLIGHT, 1)
    this.#connections = new Connections(resolved, {
      up: () => this.#sender.flush(),
      down: () => undefined,
    })
    this.#sender = new Sender(this.#connections)
    this.#nextId = createIds(this.#connections.boot)
    this.#mailboxKey = Mailbox.keyOf(this.#connections)
    this.exchanges = new Exchanges(this.#connections, this.#sender, this.#mailboxKey)
  }

  /** Random per process; the first part of every id this node makes. */
  get boot(): string {
    return this.#connections.boot
  }

  get connected(): boolean {
    return this.#connections.commands.prompt && this.#mailbox?.up !== false
  }

  /** Opens the mailbox and its channel, if they are not open yet; `ask` does it by itself. */
  openMailbox(): void {
    if (this.#mailbox) return
    const deliver = (bytes: Buffer): void => this.exchanges.deliver(bytes)
    this.#mailbox = new Mailbox(this.#connections, deliver)
    this.#connections.listen([this.#mailboxKey], {
      message: (_channel, payload) => deliver(payload),
    })
  }

  /**
   * Pushes a job and waits for its result.
   * @returns what the handler returned, as JSON carries it.
   * @throws TempestError: DEADLINE, NO_HANDLER, HANDLER_FAILED, REDIS_AWAY, REDIS_REFUSED, REDIS_UNFIT,
   * IN_FLIGHT_FULL, STOPPING, CANCELLED. TypeError for arguments that cannot be sent.
   */
  async ask(
    queue: string,
    action: string,
    args: readonly unknown[] = [],
    options: AskOptions = {},
  ): Promise<unknown> {
    const resolved = resolveAsk(options)
    const { signal } = options
    const terms = { ...resolved, outbox: this.exchanges.outbox(checkQueueName(queue)) }
    const text = jobText(action, args)
    if (this.#stopping) throw new TempestError('STOPPING', 'this node was stopped')
    if (signal?.aborted) throw cancelled(signal)
    if (this.exchanges.size >= this.#maxInFlight) {
      throw new TempestError(
        'IN_FLIGHT_FULL',
        `${this.#maxInFlight} calls wait already (maxInFlight)`,
      )
    }
    this.openMailbox()
    let abort: (() => void) | undefined
    try {
      return await new Promise((answered, failed) => {
        const exchange = this.exchanges.open({ answered, failed }, terms, text)
        abort = () => {
          this.exchanges.abandon(exchange)
          if (signal) failed(cancelled(signal))
        }
        signal?.addEventListener('abort', abort, { once: true })
      })
    } finally {
      if (abort) signal?.removeEventListener('abort', abort)
    }
  }

  /**
   * Pushes a job nobody waits for; resolves to its id when Redis has it.
   * @throws TempestError: PUSH_UNKNOWN (it may have arrived or not), REDIS_AWAY, REDIS_REFUSED, REDIS_UNFIT, STOPPING.
   */
  async push(
    queue: string,
    action: string,
    args: readonly unknown[] = [],
    options: PushOptions = {},
  ): Promise<string> {
    const { priority } = resolveAsk(options)
    const outbox = this.exchanges.outbox(checkQueueName(queue))
    const id = this.#nextId(++this.#pushed)
    const text = pushedJob(action, args, id)
    if (this.#stopping) throw new TempestError('STOPPING', 'this node was stopped')
    return new Promise((resolve, reject) => {
      const job: Outgoing = {
        waitingSince: performance.now(),
        gone: false,
        encode: () => text,
        pushed: () => resolve(id),
        refused: reject,
        unknown: () =>
          reject(
            new TempestError('PUSH_UNKNOWN', `the connection broke while job ${id} was pushed`),
          ),
      }
      this.#sender.add(outbox, priority, job)
    })
  }

  stats(): NodeStats {
    return {
      boot: this.boot,
      connected: this.connected,
      inFlight: this.exchanges.size,
      heldChars: this.exchanges.heldChars,
      refusals: { ...this.exchanges.refusals },
      queues: this.#sender.stats(),
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
    await this.#mailbox?.stop()
    // What was sent last, the cancels, is written before the socket is closed.
    if (this.#connections.commands.up) {
      await this.#connections.commands.send('ping', []).catch((error: unknown) => {
        this.#connections.options.logger.debug({ reason: reasonOf(error) }, 'stopping')
      })
    }
    this.#connections.close()
  }
}

function cancelled(signal: AbortSignal): TempestError {
  return new TempestError('CANCELLED', 'the call was aborted', { cause: signal.reason })
}

/** Makes a node. It must be stopped. */
export function createNode(options: AskingNodeOptions): Node {
  return new Node(options)
}
