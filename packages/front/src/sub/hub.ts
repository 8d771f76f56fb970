/**
 * All streams of one `front.sub`: who is subscribed to what, what comes from Redis, and that none of it is missed unnoticed.
 *
 * One Redis subscription per channel whatever the number of clients, dropped with the last; one reader of the event log for all.
 */
import type { Socket } from 'node:net'
import { keys, reasonOf, Subscription } from '@tempest/protocol'
import type { FrontContext } from '../context.js'
import type { Census } from './census.js'
import { Channel } from './channel.js'
import { Entry } from './entry.js'
import { Heartbeat } from './heartbeat.js'
import { EventLog } from './log.js'
import { encodeGap, encodeId, encodeRetry, type GapReason } from './message.js'
import type { ResolvedSubOptions } from './options.js'
import { Pulse } from './pulse.js'
import { Pump } from './pump.js'
import { Replay, type Wanted } from './replay.js'
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

const AGAIN_MS = 200

export class Hub implements StreamOwner {
  readonly pump = new Pump()
  readonly maxBufferBytes: number
  readonly counts: HubCounts = { events: 0, writes: 0, slow: 0, gaps: 0, malformed: 0 }
  readonly streams = new Set<Stream>()
  readonly #context: FrontContext
  readonly #options: ResolvedSubOptions
  readonly #channels = new Map<string, Channel>()
  readonly #subscription: Subscription
  readonly #log: EventLog | undefined
  readonly #census: Census
  readonly #heartbeat: Heartbeat
  readonly #pulse: Pulse
  /** Streams that wait for Redis, with what they then want. */
  readonly #joining = new Map<Stream, Wanted>()

  constructor(context: FrontContext, options: ResolvedSubOptions, census: Census) {
    const { connections } = context.node
    this.#context = context
    this.#options = options
    this.#census = census
    this.maxBufferBytes = options.maxBufferBytes
    const pulse = keys.pulse(connections.boot)
    this.#subscription = new Subscription(connections, [pulse], {
      message: (name, payload) => {
        if (name === pulse) this.#pulse.heard()
        else this.#deliver(new Entry(undefined, name, payload, options.maxEventBytes))
      },
      confirmed: (names) => this.#confirmed(names),
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
      ready: () => this.#joinAll(this.#joining.keys()),
      malformed: (count) => (this.counts.malformed += count),
      idle: () => this.pump.whenIdle(),
    })
  }

  get channels(): number {
    return this.#channels.size
  }

  get ring(): { entries: number; bytes: number } {
    return { entries: this.#log?.ring.length ?? 0, bytes: this.#log?.ring.bytes ?? 0 }
  }

  /** It does not hear what is published, although Redis is there. */
  get deaf(): boolean {
    return this.#pulse.deaf
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
    this.#joining.set(stream, wanted)
    stream.write(encodeRetry(this.#options.retryMs))
    this.#joinAll([stream])
    return stream
  }

  leave(stream: Stream, channel: Channel): void {
    channel.members.delete(stream)
    channel.others.delete(stream)
    this.#census.count(channel.name, -1)
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
    while (this.streams.size > 0) {
      const part = spreadMs > 0 ? (performance.now() - from) / spreadMs : 1
      const left = part >= 1 ? 0 : Math.floor(count * (1 - part))
      for (const stream of this.streams) {
        if (this.streams.size <= left) break
        stream.end(encodeRetry(this.#options.retryMs + Math.random() * spreadMs))
      }
      await new Promise((resolve) => setTimeout(resolve, END_TICK_MS))
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
      this.#joinAll(channel.others)
    }
  }

  #joinAll(streams: Iterable<Stream>): void {
    if (this.#log && !this.#log.ready) return
    for (const stream of [...streams]) {
      const wanted = this.#joining.get(stream)
      if (!wanted || !stream.channels.every((channel) => channel.confirmed)) continue
      this.#joining.delete(stream)
      if (this.#log) void this.#replay(stream, new Replay(stream, this.#log, wanted))
      else this.#join(stream)
    }
  }

  async #replay(stream: Stream, replay: Replay): Promise<void> {
    while (!stream.over) {
      try {
        await replay.run(() => this.#join(stream))
        return
      } catch (error) {
        this.#context.logger.debug({ reason: reasonOf(error) }, 'a replay broke off')
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
      }
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
