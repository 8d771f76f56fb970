/**
 * Tells open requests when their connection closes: one listener per socket, however many requests it carries.
 */
import type { Socket } from 'node:net'

export interface OnSocket {
  /** The client has left. */
  left(): void
}

export class Sockets {
  readonly #open = new WeakMap<Socket, Set<OnSocket>>()

  add(socket: Socket, request: OnSocket): void {
    const requests = this.#open.get(socket)
    if (requests) {
      requests.add(request)
      return
    }
    const first = new Set([request])
    this.#open.set(socket, first)
    socket.once('close', () => {
      for (const each of first) each.left()
      first.clear()
    })
  }

  remove(socket: Socket, request: OnSocket): void {
    this.#open.get(socket)?.delete(request)
  }
}
