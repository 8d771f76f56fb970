/** What was written and has not left: small pieces leave as one, large ones in parts. Pure. */

/** Pieces on their way are this large at the most: a slow client holds one of them in the front's memory. */
export const PIECE_BYTES = 32 * 1024

export class Pieces {
  #pieces: (string | Buffer)[] = []
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  /** Whether there is nothing; a piece without bytes is something. */
  get empty(): boolean {
    return this.#pieces.length === 0
  }

  add(piece: string | Buffer): void {
    this.#pieces.push(piece)
    this.#bytes += Buffer.byteLength(piece)
  }

  clear(): void {
    this.#pieces = []
    this.#bytes = 0
  }

  /** Takes out as much as leaves as one. */
  take(limit: number): string | Buffer {
    const most = Math.min(limit, PIECE_BYTES)
    const bytes = this.#bytes <= most ? this.#takeAll() : this.#takePart(most)
    this.#bytes -= Buffer.byteLength(bytes)
    return bytes
  }

  #takeAll(): string | Buffer {
    const pieces = this.#pieces
    const [only = ''] = pieces
    this.#pieces = []
    if (pieces.length === 1) return only
    if (pieces.every((piece) => typeof piece === 'string')) return pieces.join('')
    return Buffer.concat(pieces.map(toBuffer))
  }

  #takePart(most: number): Buffer {
    const pieces = this.#pieces
    const first = toBuffer(pieces[0] ?? '')
    if (first.length > most) {
      pieces[0] = first.subarray(most)
      return first.subarray(0, most)
    }
    let count = 0
    let bytes = 0
    for (const piece of pieces) {
      bytes += Buffer.byteLength(piece)
      if (bytes > most) break
      count++
    }
    return Buffer.concat(pieces.splice(0, count).map(toBuffer))
  }
}

function toBuffer(piece: string | Buffer): Buffer {
  return typeof piece === 'string' ? Buffer.from(piece) : piece
}
