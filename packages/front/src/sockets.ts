/**
 * Tells open requests when their connection closes: one listener per socket, however many requests it carries.
 */
import type { Socket } from 'node:net'

export interface OnSocket {
  /** The client has left. */
  left(): void
}

export class Sockets {
  /**
   * Arrays, not Sets: a Set that lives long and changes often keeps its discarded tables, and so the requests that were in
   * them, alive until the next full collection.
   */
  readonly #open = new WeakMap<Socket, OnSocket[]>()

  add(socket: Socket, request: OnSocket): void {
    const requests = this.#open.get(socket)
    if (requests) {
      requests.push(request)
      return
    }
    const first = [request]
    this.#open.set(socket, first)
    socket.once('close', () => {
      for (const each of first.splice(0)) each.left()
    })
  }

  remove(socket: Socket, request: OnSocket): void {
    const requests = this.#open.get(socket)
    const at = requests?.indexOf(request) ?? -1
    if (at >= 0) requests?.splice(at, 1)
  }
}
