/** Waiting for what will come true, instead of sleeping and hoping. */
import { setTimeout as pause } from 'node:timers/promises'

/** No measure of anything: a machine that stands still for seconds must not fail who only waits. */
const HANG_MS = 20_000

/**
 * Resolves the first value that is not false, null or undefined; fails after `timeoutMs`, naming
 * the condition.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  timeoutMs = HANG_MS,
): Promise<Exclude<T, false | null | undefined>> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const value = await condition()
    if (isSettled(value)) return value
    if (performance.now() > deadline)
      throw new Error(`not within ${timeoutMs} ms: ${condition.toString()}`)
    await pause(10)
  }
}

function isSettled<T>(value: T): value is Exclude<T, false | null | undefined> {
  return value !== false && value !== null && value !== undefined
}
