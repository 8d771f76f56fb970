/** What goes out on one direct connection: replies of one turn in one write, and its end, which nobody can put off. */
import type { Socket } from 'node:net'
import type { Reply } from './resp.js'

/** Who does not read the last words within this time, in ms, does not get them. */
const ENDING_MS = 5000

export class Output {
  readonly #socket: Socket
  #replies: Reply[] = []
  /** Since when it is being ended; 0: it is not. */
  #endingAt = 0

  constructor(socket: Socket) {
    this.#socket = socket
  }

  /** Bytes that were written and not read. */
  get bytes(): number {
    return this.#socket.writableLength
  }

  /** Nobody reads what is said: it is to say no more. */
  get full(): boolean {
    return this.#socket.writableNeedDrain
  }

  get ending(): boolean {
    return this.#endingAt > 0
  }

  push(reply: Reply): void {
    this.#replies.push(reply)
  }

  flush(): void {
    const replies = this.#replies
    if (replies.length === 0) return
    this.#replies = []
    if (replies.every((reply) => typeof reply === 'string')) this.#socket.write(replies.join(''))
    else for (const reply of replies) this.#socket.write(reply)
  }

  end(): void {
    this.flush()
    this.#endingAt ||= performance.now()
    // What still comes is thrown away: unread it would turn the end into a reset.
    this.#socket.resume()
    this.#socket.end()
  }

  look(now: number): void {
    if (this.#endingAt > 0 && now - this.#endingAt > ENDING_MS) this.#socket.destroy()
  }
}
