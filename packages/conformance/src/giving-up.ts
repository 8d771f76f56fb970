/** A run that is given up before its end: by who asked for it, or since its subject endangers the machine. And what its end may take. */
import { setTimeout as pause } from 'node:timers/promises'

const CLOSE_MS = 2000

/** As far as that is done in 2 s: what is asked of a Redis that stands still is never answered. Never rejects. */
export async function closeSoon(work: Promise<unknown>): Promise<void> {
  const over = new AbortController()
  const end = (): void => over.abort()
  const limit = pause(CLOSE_MS, undefined, { signal: over.signal }).catch(() => undefined)
  await Promise.race([work.then(end, end), limit])
}

/** @throws the reason of the signal, as soon as it is given. What was being done then goes on for nobody. */
export async function unlessGivenUp<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  work.catch(() => undefined)
  let given = (): void => undefined
  const end = new Promise<never>((_resolve, reject) => {
    // A promise is rejected with an error; what a signal bears may be anything.
    given = () => reject(signal.reason instanceof Error ? signal.reason : new Error('given up'))
    signal.addEventListener('abort', given)
  })
  if (signal.aborted) given()
  try {
    return await Promise.race([work, end])
  } finally {
    signal.removeEventListener('abort', given)
  }
}
