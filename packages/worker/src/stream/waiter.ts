/** A promise that somebody else settles. Who does not await it must not bring the process down by its rejection. */
export class Waiter {
  readonly promise: Promise<void>
  #settle: { resolve: () => void; reject: (error: Error) => void } | undefined

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
    this.promise.catch(() => undefined)
  }

  resolve(): void {
    this.#settle?.resolve()
  }

  reject(error: Error): void {
    this.#settle?.reject(error)
  }
}

export const resolved = Promise.resolve()

export function rejected(error: Error): Promise<void> {
  const promise: Promise<void> = Promise.reject(error)
  promise.catch(() => undefined)
  return promise
}
