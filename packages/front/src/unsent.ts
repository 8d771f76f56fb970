/**
 * A response that its client does not take as fast as it came: counted against the front's memory, and cut when it stands still.
 */
import type { ServerResponse } from 'node:http'
import type { Memory } from './body.js'

/** A client that takes nothing for this long is given up. */
const STILL_MS = 30_000

/** Watches a response that was ended, if anything of it is still to be sent. */
export function watchUnsent(res: ServerResponse, memory: Memory): void {
  const bytes = res.writableLength
  if (bytes === 0 || res.destroyed) return
  memory.bytes += bytes
  res.once('close', () => (memory.bytes -= bytes))
  // Node's timer of a socket counts progress of a write, and without a listener it ends in destroying the socket.
  res.setTimeout(STILL_MS)
}
