/**
 * A response that its client does not take as fast as it came: counted against the front's memory, and cut when it stands still.
 */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FrontContext } from './context.js'

/** A client that takes nothing for this long is given up. */
const STILL_MS = 30_000

/** Watches a response that was ended, if anything of it is still to be sent. */
export function watchUnsent(res: ServerResponse, socket: Socket, context: FrontContext): void {
  const bytes = res.writableLength
  if (bytes === 0 || res.destroyed || socket.destroyed) return
  const { memory, sockets } = context
  const unsent = { left: () => (memory.bytes -= bytes) }
  memory.bytes += bytes
  // A pipelined response that still waits for its turn when the client leaves is not closed by Node; its socket tells.
  sockets.add(socket, unsent)
  res.once('close', () => {
    if (sockets.remove(socket, unsent)) unsent.left()
    // The timer is the socket's: a request behind this one has its own deadline.
    if (socket.timeout === STILL_MS) socket.setTimeout(0)
  })
  // Node's timer of a socket counts progress of a write, and without a listener it ends in destroying the socket.
  res.setTimeout(STILL_MS)
}
