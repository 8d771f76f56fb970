/** Pieces that wait for the end of the turn, to leave as one. Pure. */

export class Gathered {
  #pieces: (string | Buffer)[] = []
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  add(piece: string | Buffer, length: number): void {
    this.#pieces.push(piece)
    this.#bytes += length
  }

  clear(): void {
    this.#pieces = []
    this.#bytes = 0
  }

  /** All of them as one; nothing is left. */
  take(): string | Buffer {
    const pieces = this.#pieces
    const [only = ''] = pieces
    if (pieces.length === 0) return ''
    this.clear()
    if (pieces.length === 1) return only
    if (pieces.every((piece) => typeof piece === 'string')) return pieces.join('')
    return Buffer.concat(
      pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece) : piece)),
    )
  }
}
