/**
 * Numbered tokens for many streams: one for each stream in a turn of the event loop, or so many a second for each, spread evenly; the first at
 * once, all others as soon as it was told to go.
 *
 * A stream that waits for its client gets none meanwhile. Every token says when it was made, by the clock all processes share.
 */

/** @returns what to wait for before the next one, if anything. */
export type Write = (token: string) => Promise<void> | undefined

interface Fed {
  write: Write
  waiting: boolean
  next: number
}

const TICK_MS = 1
/** What a feed that fell behind makes up for. */
const MOST_BEHIND_S = 0.1
const words = [' the', ' gateway', ' streams', ' a', ' reply', ' token', ' by', ' token,']

export class Feed {
  /** Of each stream; 0: as many as it takes. */
  readonly #perSecond: number
  readonly #fed: Fed[] = []
  #running = false
  #at = 0
  #due = 0
  #turnedAt = 0

  constructor(perSecond: number) {
    this.#perSecond = perSecond
  }

  /** @returns what takes the stream out again. */
  add(write: Write): () => void {
    const fed: Fed = { write, waiting: false, next: 0 }
    // Its first token comes at once: the client counts streams by it.
    give(fed, readMicroseconds())
    this.#fed.push(fed)
    return () => {
      const index = this.#fed.indexOf(fed)
      if (index >= 0) this.#fed.splice(index, 1)
    }
  }

  /** Ends when there is no stream any more. */
  go(): void {
    if (this.#running) return
    this.#running = true
    this.#turnedAt = performance.now()
    this.#schedule()
  }

  #schedule(): void {
    if (this.#perSecond === 0) setImmediate(() => this.#turn())
    else setTimeout(() => this.#turn(), TICK_MS)
  }

  #turn(): void {
    const fed = this.#fed
    if (fed.length === 0) {
      this.#running = false
      return
    }
    const count = this.#perSecond === 0 ? fed.length : this.#takeDue()
    const madeAt = readMicroseconds()
    for (let i = 0; i < count; i++) {
      this.#at = this.#at + 1 < fed.length ? this.#at + 1 : 0
      const one = fed[this.#at]
      if (one?.waiting === false) give(one, madeAt)
    }
    this.#schedule()
  }

  #takeDue(): number {
    const now = performance.now()
    const perSecond = this.#perSecond * this.#fed.length
    this.#due += ((now - this.#turnedAt) / 1000) * perSecond
    this.#due = Math.min(this.#due, perSecond * MOST_BEHIND_S)
    this.#turnedAt = now
    const count = Math.floor(this.#due)
    this.#due -= count
    return count
  }
}

function give(fed: Fed, madeAt: number): void {
  const n = fed.next++
  const room = fed.write(`data: #${n}@${madeAt}#${words[n % words.length] ?? ''}\n\n`)
  if (!room) return
  fed.waiting = true
  room.then(
    () => (fed.waiting = false),
    () => undefined, // Its client has left: it will be taken out.
  )
}

/** Lets all feeds go. */
export function goOn(): void {
  for (const feed of feeds.values()) feed.go()
}

/** Of the system's monotonic clock. */
function readMicroseconds(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1_000_000 + Math.floor(nanoseconds / 1000)
}

const feeds = new Map<number, Feed>()

/** The feed of all streams of that rate. */
export function feedOf(perSecond: number): Feed {
  let feed = feeds.get(perSecond)
  if (!feed) feeds.set(perSecond, (feed = new Feed(perSecond)))
  return feed
}
