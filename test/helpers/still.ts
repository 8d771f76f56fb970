/** Waiting until something has come to rest: that nothing more happens shows only in time that passes. */
import { until } from './until'

/** Resolves a number once it has not changed for `quietMs`; NaN is none that could stand still. */
export async function untilStill(
  read: () => number | Promise<number>,
  { quietMs = 250, timeoutMs = 5000 } = {},
): Promise<number> {
  let last = NaN
  let since = 0
  await until(async () => {
    const value = await read()
    if (value !== last) since = performance.now()
    last = value
    return performance.now() - since >= quietMs
  }, timeoutMs)
  return last
}
