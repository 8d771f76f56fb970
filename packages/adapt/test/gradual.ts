/** An application that writes so many pieces, each when there is room, and counts. */
import type { IncomingMessage, ServerResponse } from 'node:http'

export class Gradual {
  written = 0
  /** Once there was no room. */
  blocked = false
  readonly #pieces: number
  readonly #piece: Buffer

  constructor(pieces: number, piece: Buffer) {
    this.#pieces = pieces
    this.#piece = piece
  }

  readonly app = (_req: IncomingMessage, res: ServerResponse): void => {
    while (this.written < this.#pieces) {
      this.written++
      if (res.write(this.#piece)) continue
      this.blocked = true
      res.once('drain', () => this.app(_req, res))
      return
    }
    res.end()
  }
}
