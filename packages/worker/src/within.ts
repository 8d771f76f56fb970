/** Waits for a promise, but not beyond a time of the monotonic clock. Resolves to its value, or to undefined. */
export async function within<T>(until: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), Math.max(until - performance.now(), 0))
  })
  const first = await Promise.race([promise, late])
  clearTimeout(timer)
  return first
}
