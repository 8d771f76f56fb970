/**
 * An address as `respond_to` that is no mailbox's name: `host:port`, as old workers want it. No two fronts may have the same, since whoever reads
 * the list of that name takes the replies in it; so it is claimed in Redis, and nothing is pushed while it is not this node's.
 */
import { join } from 'node:path'
import type { Connections } from '../redis/connections.js'
import { loadScript } from '../redis/script.js'
import { reasonOf } from '../wire/errors.js'
import { keys } from '../wire/keys.js'
import type { Exchanges } from './exchanges.js'
import { Mailbox } from './mailbox.js'

const claimScript = loadScript(join(__dirname, '..', '..', 'lua', 'claim.lua'))
/** A claim that is not renewed falls to whoever wants it. */
const CLAIM_MS = 5000

export class Claim {
  readonly #connections: Connections
  readonly #exchanges: Exchanges
  readonly #deliver: (entry: Buffer) => void
  #address: string | undefined
  #mailbox: Mailbox | undefined
  #owner = ''
  #stopped = false

  constructor(connections: Connections, exchanges: Exchanges, deliver: (entry: Buffer) => void) {
    this.#connections = connections
    this.#exchanges = exchanges
    this.#deliver = deliver
    connections.pushUntil = -Infinity
    connections.every(() => this.renew())
  }

  /** The address is known now: claims it. */
  async take(address: string): Promise<void> {
    this.#address = address
    await this.renew()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#mailbox?.stop(true)
    if (this.#address === undefined || !this.#connections.commands.up) return
    await this.#say(this.#address, 0).catch(() => '')
  }

  /** Called once a second, and when Redis is there again. Never rejects. */
  async renew(): Promise<void> {
    const address = this.#address
    if (address === undefined || this.#stopped || !this.#connections.commands.up) return
    const askedAt = performance.now()
    try {
      this.#settle(address, await this.#say(address, CLAIM_MS), askedAt)
    } catch (error) {
      const { logger } = this.#connections.options
      logger.debug({ address, reason: reasonOf(error) }, 'the claim could not be renewed')
    }
  }

  async #say(address: string, ms: number): Promise<string> {
    const { commands, boot } = this.#connections
    return String(await commands.script(claimScript, [keys.claim(address), address], [boot, ms]))
  }

  #settle(address: string, owner: string, askedAt: number): void {
    const { boot, options } = this.#connections
    const mine = owner === boot
    if (!mine && owner !== this.#owner) {
      options.logger.error({ address, owner }, 'another front has this address: waiting for it')
    }
    this.#owner = owner
    // By this node's own clock: behind that the address may be another's.
    this.#connections.pushUntil = mine ? askedAt + CLAIM_MS : -Infinity
    if (!mine) {
      // What is in the list now is for that one.
      void this.#mailbox?.stop(true)
      this.#mailbox = undefined
      return
    }
    this.#exchanges.respondTo(address)
    this.#mailbox ??= new Mailbox(this.#connections, this.#deliver, address)
  }
}
