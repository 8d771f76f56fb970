/**
 * One connection to Redis, and the only file that knows how ioredis behaves when it breaks.
 *
 * A link never re-sends: what was in flight when it broke is rejected as `LinkError`, its outcome unknown, and whoever sent
 * it decides. When it comes back it first kills its predecessor (CLIENT KILL), so that Redis discards what it had
 * still to read of it; only then is it up. A peer that goes silent with a command outstanding is cut after `silenceMs`.
 * All that is sent within one turn leaves in one write.
 */
import { Command, type Redis } from 'ioredis'
import { reasonOf, TempestError } from '../wire/errors.js'
import type { Logger } from '../logger.js'
import type { Script } from './script.js'
import { linkOptions } from './template.js'

/** A command that was not answered because its connection broke. `sent` false: Redis never saw it. */
export class LinkError extends Error {
  readonly sent: boolean

  constructor(sent: boolean, cause?: unknown) {
    super(sent ? 'the connection broke before the answer' : 'not connected', { cause })
    this.name = 'LinkError'
    this.sent = sent
  }
}

export interface LinkHandlers {
  /** Runs on each new connection before it is up; a rejection closes it again, to be tried later. */
  prepare?(link: Link): Promise<void>
  /** This Redis will not do. */
  unfit?(error: TempestError): void
  up?(): void
  down?(): void
  /** A message on a channel this link is subscribed to. */
  message?(channel: string, payload: Buffer): void
}

export type Argument = string | number | Buffer

const UNFIT_PAUSE_MS = 1000
/** A link that owes an answer for this long gets nothing new that could have an unknown outcome. */
const STALE_MS = 500

export class Link {
  /** Also the connection's name at Redis, as CLIENT LIST shows it. */
  readonly name: string
  readonly #redis: Redis
  readonly #handlers: LinkHandlers
  readonly #logger: Logger
  #state: 'down' | 'preparing' | 'up' | 'closed' = 'down'
  #client: { id: string; addr: string } | undefined
  #outstanding = 0
  #heardAt = 0
  #corked = false
  readonly #unknown = new Set<Script>()
  #loggedError = ''

  constructor(
    name: string,
    template: Redis,
    silenceMs: number,
    logger: Logger,
    handlers: LinkHandlers,
  ) {
    this.name = name
    this.#handlers = handlers
    this.#logger = logger
    this.#redis = template.duplicate({
      ...linkOptions,
      socketTimeout: silenceMs,
      connectionName: name,
    })
    this.#redis.on('error', (error: unknown) => this.#log(error))
    this.#redis.on('ready', () => void this.#prepare())
    this.#redis.on('close', () => this.#down())
    const { message } = handlers
    if (message) {
      this.#redis.on('messageBuffer', (channel: Buffer, payload: Buffer) =>
        message(channel.toString(), payload),
      )
    }
  }

  get up(): boolean {
    return this.#state === 'up'
  }

  /** Up, and not owing an answer for longer than a healthy Redis takes. */
  get prompt(): boolean {
    return this.up && this.owesMs < STALE_MS
  }

  /** For how long it has owed an answer; messages on its channels are none. */
  get owesMs(): number {
    return this.#outstanding === 0 ? 0 : performance.now() - this.#heardAt
  }

  /** Redis' id of the current connection, for CLIENT UNBLOCK. */
  get clientId(): string | undefined {
    return this.#client?.id
  }

  /** What CLIENT KILL needs to end the current connection, or the last there was; none before the first. */
  get killFilter(): string[] {
    // The address beside the id: after a restart Redis counts ids anew, and an id alone could be somebody else's.
    return this.#client ? ['ID', this.#client.id, 'ADDR', this.#client.addr] : []
  }

  /**
   * Sends a command; strings in the reply are Buffers.
   * @throws LinkError where the connection is not up or breaks; ioredis' ReplyError where Redis refuses.
   */
  send(name: string, args: Argument[]): Promise<unknown> {
    return this.up ? this.#send(name, args) : Promise.reject(new LinkError(false))
  }

  /** Runs a script by its digest, or by its source where Redis does not know it. */
  async script(script: Script, keys: string[], args: Argument[]): Promise<unknown> {
    const rest = [keys.length, ...keys, ...args]
    try {
      if (!this.#unknown.has(script)) return await this.send('evalsha', [script.sha, ...rest])
    } catch (error) {
      // An unknown script was not run, so running it now cannot run it twice.
      if (!reasonOf(error).startsWith('NOSCRIPT')) throw error
      // Until it is known for sure, calls that come later must not overtake this one.
      this.#unknown.add(script)
    }
    const reply = await this.send('eval', [script.source, ...rest])
    this.#unknown.delete(script)
    return reply
  }

  /** Cuts the connection; it comes back by itself. */
  reset(): void {
    this.#redis.disconnect(true)
  }

  /** Ends the link for good. Whatever is in flight is rejected. */
  close(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#redis.disconnect()
  }

  async #send(name: string, args: Argument[]): Promise<unknown> {
    this.#cork()
    if (this.#outstanding++ === 0) this.#heardAt = performance.now()
    const command = new Command(name, args)
    this.#redis.sendCommand(command)
    try {
      const reply: unknown = await command.promise
      this.#heardAt = performance.now()
      return reply
    } catch (error) {
      if (isReplyError(error)) {
        // It was the master when this connection was made. A new one finds the new master, or says what is wrong.
        if (this.up && reasonOf(error).startsWith('READONLY')) this.reset()
        throw error
      }
      throw new LinkError(!reasonOf(error).startsWith("Stream isn't writeable"), error)
    } finally {
      this.#outstanding--
    }
  }

  /** Holds writes back until the end of the current turn, so that many commands are one packet. */
  #cork(): void {
    const { stream } = this.#redis
    if (this.#corked) return
    this.#corked = true
    stream.cork()
    process.nextTick(() => {
      this.#corked = false
      stream.uncork()
    })
  }

  async #prepare(): Promise<void> {
    if (this.#state === 'closed') return
    this.#state = 'preparing'
    try {
      await this.#succeed()
      await this.#handlers.prepare?.(this)
    } catch (error) {
      this.#log(error)
      if (error instanceof TempestError) this.#handlers.unfit?.(error)
      // It answers but will not have us: trying again at once would only be a loop.
      if (!(error instanceof LinkError)) await pause(UNFIT_PAUSE_MS)
      if (this.#stateNow() === 'preparing') this.#redis.disconnect(true)
      return
    }
    if (this.#stateNow() !== 'preparing') return
    this.#state = 'up'
    this.#loggedError = ''
    this.#logger.debug({ link: this.name, client: this.#client?.id }, 'connected to Redis')
    this.#handlers.up?.()
  }

  /** Takes over from the connection before this one: after this, nothing it sent can still be carried out. */
  async #succeed(): Promise<void> {
    const before = this.killFilter
    const text = String(await this.#send('client', ['INFO']))
    const id = /\bid=(\d+)/.exec(text)?.[1]
    const addr = /\baddr=(\S+)/.exec(text)?.[1]
    const { db = 0 } = this.#redis.options
    // ioredis goes on in database 0 where a SELECT was refused.
    if (!new RegExp(`\\bdb=${db}\\b`).test(text)) {
      throw new TempestError('REDIS_UNFIT', `this Redis has no database ${db}`)
    }
    if (before.length > 0) await this.#send('client', ['KILL', ...before])
    this.#client = id !== undefined && addr !== undefined ? { id, addr } : undefined
  }

  /** For commands that prepare a connection which is not up yet. */
  prepareSend(name: string, args: Argument[]): Promise<unknown> {
    return this.#send(name, args)
  }

  #stateNow(): string {
    return this.#state
  }

  #down(): void {
    const was = this.#state
    if (was === 'closed') return
    this.#state = 'down'
    if (was === 'up') {
      this.#logger.warn({ link: this.name }, 'connection to Redis lost')
      this.#handlers.down?.()
    }
  }

  /** One line per outage and reason, not one per attempt. */
  #log(error: unknown): void {
    const reason = reasonOf(error)
    if (reason === this.#loggedError || this.#state === 'closed') return
    this.#loggedError = reason
    this.#logger.warn({ link: this.name, reason }, 'Redis')
  }
}

export function isReplyError(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError'
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}
