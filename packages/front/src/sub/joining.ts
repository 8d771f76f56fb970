/** Streams on their way to live: they wait until Redis has confirmed their channels and the log is loaded, then get their history. */
import { type Logger, reasonOf } from '@tempest/protocol'
import type { EventLog } from './log.js'
import { Replay, type Wanted } from './replay.js'
import type { Stream } from './stream.js'

const AGAIN_MS = 200
const AGAIN_MAX_MS = 5000
/** So many begin their history in one turn. */
const STARTS = 50

export class Joining {
  readonly #waiting = new Map<Stream, Wanted>()
  readonly #starting: [Stream, Wanted][] = []
  readonly #log: () => EventLog | undefined
  readonly #join: (stream: Stream) => void
  readonly #logger: Logger
  #scheduled = false

  /** @param join called when all of its history is written, in that turn */
  constructor(log: () => EventLog | undefined, join: (stream: Stream) => void, logger: Logger) {
    this.#log = log
    this.#join = join
    this.#logger = logger
  }

  add(stream: Stream, wanted: Wanted): void {
    this.#waiting.set(stream, wanted)
    this.start([stream])
  }

  /** Whether it still waits for Redis. */
  has(stream: Stream): boolean {
    return this.#waiting.has(stream)
  }

  delete(stream: Stream): void {
    this.#waiting.delete(stream)
  }

  /** Those of these for which all is there now. */
  start(streams: Iterable<Stream> = this.#waiting.keys()): void {
    const log = this.#log()
    if (log && !log.ready) return
    for (const stream of [...streams]) {
      const wanted = this.#waiting.get(stream)
      if (!wanted || !stream.channels.every((channel) => channel.confirmed)) continue
      this.#waiting.delete(stream)
      this.#starting.push([stream, wanted])
    }
    if (this.#scheduled || this.#starting.length === 0) return
    this.#scheduled = true
    setImmediate(this.#turn)
  }

  readonly #turn = (): void => {
    const log = this.#log()
    for (const [stream, wanted] of this.#starting.splice(0, STARTS)) {
      if (log) void this.#replay(stream, new Replay(stream, log, wanted))
      else this.#join(stream)
    }
    this.#scheduled = this.#starting.length > 0
    if (this.#scheduled) setImmediate(this.#turn)
  }

  async #replay(stream: Stream, replay: Replay): Promise<void> {
    let againMs = AGAIN_MS
    while (!stream.over) {
      try {
        await replay.run(() => this.#join(stream))
        return
      } catch (error) {
        this.#logger.debug({ reason: reasonOf(error) }, 'a replay broke off')
        const ms = againMs * (0.5 + Math.random())
        await new Promise((resolve) => setTimeout(resolve, ms))
        againMs = Math.min(againMs * 2, AGAIN_MAX_MS)
      }
    }
  }
}
