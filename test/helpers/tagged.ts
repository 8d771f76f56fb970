/** Values of MessagePack in JSON: what that has no word for is an object of one key, `$bin`, `$int`, `$float` or `$date`. */

export function toTagged(value: unknown): unknown {
  if (typeof value === 'bigint') return { $int: String(value) }
  if (typeof value === 'number' && !Number.isFinite(value)) return { $float: String(value) }
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Uint8Array) return { $bin: Buffer.from(value).toString('hex') }
  if (value instanceof Date) return { $date: value.toISOString() }
  if (Array.isArray(value)) return value.map(toTagged)
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, toTagged(each)]))
}
