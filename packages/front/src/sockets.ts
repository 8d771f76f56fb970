/**
 * Tells open requests when their connection closes: one listener per socket, however many requests it carries.
 * It also numbers them, since of pipelined requests only the latest may end the connection.
 */
import type { Socket } from 'node:net'

export interface OnSocket {
  /** The client has left. */
  left(): void
}

interface Connection {
  /**
   * Arrays, not Sets: a Set that lives long and changes often keeps its discarded tables, and so the requests that were in
   * them, alive until the next full collection.
   */
  open: OnSocket[]
  /** How many requests have come. */
  requests: number
}

export class Sockets {
  readonly #connections = new WeakMap<Socket, Connection>()

  /** @returns the number of the request on its connection. */
  addRequest(socket: Socket, request: OnSocket): number {
    const connection = this.#connectionOf(socket)
    connection.open.push(request)
    return ++connection.requests
  }

  /** Whether no other request came behind this one. */
  isLatest(socket: Socket, number: number): boolean {
    return this.#connections.get(socket)?.requests === number
  }

  /** What wants to be told beside the requests. */
  add(socket: Socket, other: OnSocket): void {
    this.#connectionOf(socket).open.push(other)
  }

  /** @returns whether it was there: it has not been told and will not be. */
  remove(socket: Socket, request: OnSocket): boolean {
    const open = this.#connections.get(socket)?.open
    const at = open?.indexOf(request) ?? -1
    if (at >= 0) open?.splice(at, 1)
    return at >= 0
  }

  #connectionOf(socket: Socket): Connection {
    const known = this.#connections.get(socket)
    if (known) return known
    const connection: Connection = { open: [], requests: 0 }
    this.#connections.set(socket, connection)
    socket.once('close', () => {
      for (const each of connection.open.splice(0)) each.left()
    })
    return connection
  }
}
