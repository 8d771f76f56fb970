/** Takes a connection from Node's HTTP server once the head of its last response is out. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** @returns the socket, with the head on its way. What the client still sends is thrown away. */
export function takeOver(req: IncomingMessage, res: ServerResponse): Socket {
  const { socket } = req
  res.flushHeaders()
  // A further request on this connection would be answered into the stream.
  socket.removeAllListeners('data')
  socket.on('data', ignore)
  socket.resume()
  socket.setTimeout(0)
  return socket
}

function ignore(): void {
  // Nothing is expected.
}
