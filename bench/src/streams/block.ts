/** The body of a large stream: blocks that begin with their number, so that one which is lost, doubled or cut shows (`bench/streams/requests.c`). */

import { Readable } from 'node:stream'

const BLOCK_BYTES = 64 * 1024

const pattern = Buffer.from(
  Uint8Array.from({ length: BLOCK_BYTES }, (_, i) => (i * 7 + (i >> 8)) & 0xff),
)

/** Each block is a buffer of its own: what reads it may keep it for a while. */
export function readBlocks(bytes: number): Readable {
  let position = 0
  return new Readable({
    highWaterMark: BLOCK_BYTES,
    read() {
      if (position >= bytes) {
        this.push(null)
        return
      }
      const block = Buffer.allocUnsafe(BLOCK_BYTES)
      pattern.copy(block)
      block.writeBigUInt64LE(BigInt(position / BLOCK_BYTES))
      const length = Math.min(BLOCK_BYTES, bytes - position)
      position += length
      this.push(length < BLOCK_BYTES ? block.subarray(0, length) : block)
    },
  })
}
