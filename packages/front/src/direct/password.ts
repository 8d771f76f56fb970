/** The password of the direct listener. Pure. */
import { createHash, timingSafeEqual } from 'node:crypto'

/** Takes as long for any password. */
export function isRight(
  user: string | undefined,
  given: Buffer | undefined,
  password: string | undefined,
): boolean {
  if (user !== undefined && user !== 'default') return false
  if (password === undefined) return true
  return timingSafeEqual(digest(given ?? ''), digest(password))
}

function digest(value: string | Buffer): Buffer {
  return createHash('sha256').update(value).digest()
}
