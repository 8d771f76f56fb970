/** Chunks that were numbered and that the front has not taken; of these, how many went along the present way. Pure. */

/** A numbered piece; its bytes are kept until the front has taken them. */
export interface Chunk {
  readonly n: number
  readonly bytes: string | Buffer
  readonly length: number
}

export class Flight {
  #chunks: Chunk[] = []
  #bytes = 0
  #sent = 0
  #next = 0

  get bytes(): number {
    return this.#bytes
  }

  /** How many chunks there have been. */
  get count(): number {
    return this.#next
  }

  /** The next one that did not go along this way. */
  get unsent(): Chunk | undefined {
    return this.#chunks[this.#sent]
  }

  /** Another chunk may be sent along a way of that kind. */
  fits({ window, maxChunks }: { window: number; maxChunks: number }): boolean {
    return this.#bytes < window && this.#chunks.length < maxChunks
  }

  /** Nothing more may be sent along that way for now. */
  isFull(way: { window: number; maxChunks: number; paused?: boolean }): boolean {
    return !this.fits(way) || way.paused === true
  }

  add(bytes: string | Buffer): Chunk {
    const chunk = { n: this.#next++, bytes, length: Buffer.byteLength(bytes) }
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    return chunk
  }

  sent(): void {
    this.#sent++
  }

  /** All before this number have arrived. */
  taken(count: number): void {
    let taken = 0
    for (const chunk of this.#chunks) {
      if (chunk.n >= count) break
      taken++
      this.#bytes -= chunk.length
    }
    this.#chunks.splice(0, taken)
    this.#sent = Math.max(this.#sent - taken, 0)
  }

  /** All of them go again, along another way. */
  again(): void {
    this.#sent = 0
  }

  clear(): void {
    this.#chunks = []
    this.#bytes = this.#sent = 0
  }
}
