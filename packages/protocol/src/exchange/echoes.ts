/** What a node says to itself, to hear its own mailbox: waits for an entry of its own to come back. */
import { TempestError } from '../wire/errors.js'

export class Echoes {
  readonly #waiting = new Map<string, () => void>()

  heard(id: string): void {
    this.#waiting.get(id)?.()
  }

  await(id: string): { within(ms: number): Promise<void>; forget(): void } {
    let timer: NodeJS.Timeout | undefined
    const heard = new Promise<void>((resolve) => this.#waiting.set(id, resolve))
    return {
      within: (ms) =>
        new Promise((resolve, reject) => {
          const late = new TempestError('DEADLINE', 'the mailbox is not heard')
          timer = setTimeout(() => reject(late), ms).unref()
          void heard.then(resolve)
        }),
      forget: () => {
        clearTimeout(timer)
        this.#waiting.delete(id)
      },
    }
  }
}
