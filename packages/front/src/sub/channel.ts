/**
 * One channel on one front: its clients, and what they are to be sent.
 *
 * Most streams have one channel. What comes for those within a turn is one batch, made once and written to each. Streams of several channels,
 * and those that still join, take each event by itself, in the order of the log over all their channels.
 */
import type { Entry } from './entry.js'
import type { Pump, Pumped } from './pump.js'
import type { Stream } from './stream.js'

interface Batch {
  bytes: Buffer
  number: number
  /** The channel ends with it. */
  ends: boolean
}

/** A larger one would make a client owe too much at once. */
const MAX_BATCH_BYTES = 256 * 1024
/** Where more than this waits, it comes faster than it can be written. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024

export class Channel implements Pumped {
  /** As it is called in Redis. */
  readonly name: string
  /** Those of this channel only, that have joined. */
  readonly members = new Set<Stream>()
  readonly others = new Set<Stream>()
  /** Redis has confirmed the subscription. */
  confirmed = false
  readonly #pump: Pump
  #events: Buffer[] = []
  #bytes = 0
  #batches: Batch[] = []
  #number = 0
  #writing: { batch: Batch; members: Iterator<Stream> } | undefined
  #pumped = false
  #waitingBytes = 0

  constructor(name: string, pump: Pump) {
    this.name = name
    this.#pump = pump
  }

  /** Bytes that wait to be written to its clients. */
  get waitingBytes(): number {
    return this.#waitingBytes
  }

  get size(): number {
    return this.members.size + this.others.size
  }

  add(entry: Entry): void {
    for (const stream of this.others) stream.take(this, entry)
    if (this.members.size === 0) return
    const { bytes, ends } = entry
    this.#events.push(bytes)
    this.#bytes += bytes.length
    this.#waitingBytes += bytes.length
    if (ends || this.#bytes >= MAX_BATCH_BYTES) this.seal(ends)
    if (this.#waitingBytes > MAX_WAITING_BYTES) this.#overflow()
    if (this.#pumped) return
    this.#pumped = true
    this.#pump.add(this)
  }

  /** Ends the batch of what has come so far. @returns its number: who joins now begins behind it. */
  seal(ends = false): number {
    if (this.#events.length > 0) {
      const [first] = this.#events
      const bytes = this.#events.length === 1 && first ? first : Buffer.concat(this.#events)
      this.#batches.push({ bytes, number: ++this.#number, ends })
      this.#events = []
      this.#bytes = 0
    }
    return this.#number
  }

  pump(): boolean {
    const writing = (this.#writing ??= this.#begin())
    if (!writing) {
      this.#pumped = false
      return true
    }
    const { batch, members } = writing
    const next = members.next()
    if (next.done === true) {
      this.#waitingBytes -= batch.bytes.length
      this.#writing = undefined
      // Others have their turn before the next batch.
      this.#pump.add(this)
      return true
    }
    const stream = next.value
    if (stream.since < batch.number) {
      stream.write(batch.bytes)
      if (batch.ends) stream.endChannel(this)
    }
    return false
  }

  /** All its clients owe too much; they come back with what they had last. */
  #overflow(): void {
    for (const stream of [...this.members]) stream.cut()
    this.#events = []
    this.#batches = []
    this.#bytes = 0
    this.#waitingBytes = this.#writing?.batch.bytes.length ?? 0
  }

  #begin(): { batch: Batch; members: Iterator<Stream> } | undefined {
    if (this.#batches.length === 0) this.seal()
    const batch = this.#batches.shift()
    return batch && { batch, members: this.members.values() }
  }
}
