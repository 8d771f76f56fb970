/**
 * Ids of jobs: `<boot>-<n>-<random>`, and `.2`, `.3` behind it for further attempts. Where a job has no room for metadata, `-r<max>`
 * behind the random part says that it may be tried so often.
 *
 * `n` says where the node keeps what waits for the reply; it is used again. `boot` is random per process, so a late reply to a restarted front matches nothing; the random part keeps
 * one worker from guessing another's ids. The id with its attempt is the fence (docs/protocol.md, P-30).
 */
import { randomBytes } from 'node:crypto'

const BOOT_BYTES = 8
const RANDOM_CHARS = 16
const POOL_BYTES = 8192

/** A new boot id: 16 hexadecimal characters. */
export function createBoot(): string {
  return randomBytes(BOOT_BYTES).toString('hex')
}

/** A generator of base ids for one boot, given n. Random bytes are drawn by the pool: one call serves a thousand ids. */
export function createIds(boot: string): (n: number) => string {
  let pool = ''
  let at = 0
  return (n) => {
    if (at >= pool.length) {
      pool = randomBytes(POOL_BYTES).toString('hex')
      at = 0
    }
    at += RANDOM_CHARS
    return `${boot}-${n.toString(36)}-${pool.slice(at - RANDOM_CHARS, at)}`
  }
}

/** A base id that says how often its job may be tried. */
export function withAttempts(base: string, maxAttempts: number): string {
  return `${base}-r${maxAttempts}`
}

/** How often a job may be tried, as its base id says; undefined where it does not. */
export function attemptsOf(base: string): number | undefined {
  const found = /-r(\d{1,3})$/.exec(base)?.[1]
  return found === undefined ? undefined : Number(found)
}

/** The n within a base id; NaN where it has none. */
export function numberOf(base: string): number {
  const from = base.indexOf('-') + 1
  return from === 0 ? NaN : Number.parseInt(base.slice(from, base.indexOf('-', from)), 36)
}

/** The id of an attempt: the base id itself for the first, `<base>.2` for the second. */
export function attemptId(base: string, attempt: number): string {
  return attempt === 1 ? base : `${base}.${attempt}`
}

/** Splits an id into base and attempt. What follows the point must be a number from 2 on, as `attemptId` writes it; else it is part of the base. */
export function splitId(id: string): { base: string; attempt: number } {
  const point = id.lastIndexOf('.')
  if (point < 0) return { base: id, attempt: 1 }
  const text = id.slice(point + 1)
  const attempt = Number(text)
  if (!Number.isSafeInteger(attempt) || attempt < 2 || String(attempt) !== text) {
    return { base: id, attempt: 1 }
  }
  return { base: id.slice(0, point), attempt }
}

/** The boot id within a job id; the whole id where it has none (ids of foreign programs may be anything). */
export function bootOf(id: string): string {
  const dash = id.indexOf('-')
  return dash < 0 ? id : id.slice(0, dash)
}
