/**
 * All streams of one `front.sub`: who is subscribed to what, what comes from Redis, and that none of it is missed unnoticed.
 *
 * One Redis subscription per channel whatever the number of clients, dropped with the last; one reader of the event log for all.
 */
import type { Socket } from 'node:net'
import { type Connections, keys, Subscription } from '@tempest/protocol'
import type { Census } from './census.js'
import { Channel } from './channel.js'
import { Entry } from './entry.js'
import { Heartbeat } from './heartbeat.js'
import { Joining } from './joining.js'
import { EventLog } from './log.js'
import { encodeGap, encodeId, encodeRetry, type GapReason } from './message.js'
import type { ResolvedSubOptions } from './options.js'
import { Pulse } from './pulse.js'
import { Pump } from './pump.js'
import type { Wanted } from './replay.js'
import { Stream, type StreamOwner } from './stream.js'

export interface HubCounts {
  /** Events that came from Redis for somebody here. */
  events: number
  /** Writes to sockets. */
  writes: number
  /** Clients cut because they did not take what they were sent. */
  slow: number
  /** Times all clients were told that something may be missing. */
  gaps: number
  /** Entries of the log that are no events. */
  malformed: number
}

const IDLE_MS = 100
const BUSY_BYTES = 4 * 1024 * 1024

export class Hub implements StreamOwner {
  readonly pump = new Pump()
  readonly maxBufferBytes: number
  readonly counts: HubCounts = { events: 0, writes: 0, slow: 0, gaps: 0, malformed: 0 }
  readonly streams = new Set<Stream>()
  readonly #options: ResolvedSubOptions
  readonly #channels = new Map<string, Channel>()
  readonly #subscription: Subscription
  readonly #log: EventLog | undefined
  readonly #census: Census
  readonly #heartbeat: Heartbeat
  readonly #pulse: Pulse
  readonly #joining: Joining

  constructor(connections: Connections, options: ResolvedSubOptions, census: Census) {
    this.#options = options
    this.#census = census
    this.maxBufferBytes = options.maxBufferBytes
    this.#joining = new Joining(
      () => this.#log,
      (stream) => this.#join(stream),
      connections.options.logger,
    )
    const pulse = keys.pulse(connections.boot)
    this.#subscription = new Subscription(connections, [pulse], {
      message: (name, payload) => {
        if (name === pulse) this.#pulse.heard()
        else this.#deliver(new Entry(undefined, name, payload, options.maxEventBytes))
      },
      confirmed: (names) => this.#confirmed(names),
      refused: (names) => this.#refuse(names),
      lost: () => this.#lose(),
      missed: () => this.#gap('live'),
    })
    this.#pulse = new Pulse(connections, pulse, this.#subscription)
    this.#heartbeat = new Heartbeat(options.heartbeatMs, this.streams, () =>
      this.pump.idle ? this.#log?.tail : undefined,
    )
    if (options.log === false) return
    this.#log = new EventLog(connections, options.log, options, {
      entry: (entry) => this.#deliver(entry),
      gap: () => this.#gap('log'),
      ready: () => this.#joining.start(),
      malformed: (count) => (this.counts.malformed += count),
      idle: () => this.#idle(),
    })
  }

  get channels(): number {
    return this.#channels.size
  }

  get ring(): { entries: number; bytes: number } {
    return { entries: this.#log?.ring.length ?? 0, bytes: this.#log?.ring.bytes ?? 0 }
  }

  /** It does not hear what is published, or cannot read the log, although Redis is there. */
  get deaf(): boolean {
    return this.#pulse.deaf || this.#log?.refused === true
  }

  /** @param names as the channels are called in Redis */
  open(socket: Socket, names: string[], wanted: Wanted, expiresAt: number): Stream {
    const stream = new Stream(socket, this.#heartbeat.next(), this)
    stream.expiresAt = expiresAt
    this.streams.add(stream)
    for (const name of names) {
      const channel = this.#channelOf(name)
      stream.channels.push(channel)
      channel.others.add(stream)
      this.#census.count(name, 1)
    }
    stream.write(encodeRetry(this.#options.retryMs))
    this.#joining.add(stream, wanted)
    return stream
  }

  leave(stream: Stream, channel: Channel): void {
    channel.members.delete(stream)
    channel.others.delete(stream)
    this.#census.count(channel.name, -1)
    // There is nothing left that it could wait for.
    if (stream.channels.length === 0 && !stream.live) this.#joining.start([stream])
    if (channel.size > 0) return
    this.#channels.delete(channel.name)
    this.#subscription.remove(channel.name)
  }

  closed(stream: Stream, slow: boolean): void {
    if (slow) this.counts.slow++
    for (const channel of stream.channels.splice(0)) this.leave(stream, channel)
    this.streams.delete(stream)
    this.#joining.delete(stream)
  }

  wrote(): void {
    this.counts.writes++
  }

  /** Ends all streams, spread over so many ms, each with a time of its own to come back. */
  async close(spreadMs: number): Promise<void> {
    const from = performance.now()
    const count = this.streams.size
    const { retryMs } = this.#options
    while (this.streams.size > 0) {
      const part = spreadMs > 0 ? (performance.now() - from) / spreadMs : 1
      const left = part >= 1 ? 0 : Math.floor(count * (1 - part))
      for (const stream of this.streams) {
        if (this.streams.size <= left) break
        stream.end(encodeRetry(retryMs + Math.random() * this.#options.spreadMs))
      }
      await pause(END_TICK_MS)
    }
  }

  /** Reads and hears no more. */
  stop(): void {
    this.#log?.stop()
    this.#pulse.stop()
    this.#heartbeat.stop()
  }

  #channelOf(name: string): Channel {
    const known = this.#channels.get(name)
    if (known) return known
    const channel = new Channel(name, this.pump)
    this.#channels.set(name, channel)
    this.#subscription.add(name)
    return channel
  }

  #deliver(entry: Entry): void {
    const channel = this.#channels.get(entry.channel)
    if (!channel) return
    this.counts.events++
    channel.add(entry)
  }

  #confirmed(names: string[]): void {
    for (const name of names) {
      const channel = this.#channels.get(name)
      if (!channel || channel.confirmed) continue
      channel.confirmed = true
      this.#joining.start(channel.others)
    }
  }

  /** Until all is written, or little waits: a channel that is always busy must not make the log stand still. */
  async #idle(): Promise<void> {
    let waiting = Infinity
    while (!this.pump.idle && waiting > BUSY_BYTES) {
      await Promise.race([this.pump.whenIdle(), pause(IDLE_MS)])
      waiting = 0
      for (const channel of this.#channels.values()) waiting += channel.waitingBytes
    }
  }

  /** Streams that join now wait until Redis has confirmed it again. */
  #lose(): void {
    this.#pulse.renewed()
    for (const channel of this.#channels.values()) channel.confirmed = false
  }

  /** Redis does not let it subscribe. */
  #refuse(names: string[]): void {
    for (const name of names) {
      const channel = this.#channels.get(name)
      if (!channel) continue
      for (const stream of [...channel.others, ...channel.members]) stream.end()
    }
  }

  #join(stream: Stream): void {
    if (stream.over) return
    const [channel, another] = stream.channels
    if (channel && !another) {
      channel.others.delete(stream)
      stream.since = channel.seal()
      channel.members.add(stream)
    }
    const tail = this.#log?.tail
    stream.join(`: joined\n${tail === undefined ? '\n' : encodeId(tail)}`)
  }

  /** Something may be missing for all that have joined, or are about to. */
  #gap(reason: GapReason): void {
    this.counts.gaps++
    const bytes = encodeGap(reason)
    // What comes from now on stands behind it.
    for (const channel of this.#channels.values()) channel.seal()
    for (const stream of this.streams) if (!this.#joining.has(stream)) stream.push(bytes)
  }
}

const END_TICK_MS = 25

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
