/** Carries out a verdict: one script takes the job out of the held list and puts it where it belongs. */
import { join } from 'node:path'
import { encodeBytes } from '../wire/bytes.js'
import { keys } from '../wire/keys.js'
import type { Link } from '../redis/link.js'
import { loadScript } from '../redis/script.js'
import { encodeLost } from '../wire/verb.js'
import type { Verdict } from './verdict.js'

const settleScript = loadScript(join(__dirname, '..', '..', 'lua', 'settle.lua'))

/** Of a job nobody waits for: milliseconds until it is tried again, twice as long each time. */
const DELAY_MS = 1000
const MAX_DELAY_MS = 60_000
/** Longer than the deadline of most jobs, and than a clock is likely to jump. */
const HISTORY_MS = 6 * 3600 * 1000
const MAX_DEAD = 1000

/** What stands against a job; `at` is Redis' time in ms. */
export interface Strike {
  at: number
  boot: string
  attempt: number
  code: string
}

export interface Cause {
  code: string
  /** Redis' time in ms. */
  at: number
  /** Why it is dead, should it be. */
  reason: string
  /** By a sweeper: it spends from the retry budget, and only while that worker is not registered again. */
  swept: boolean
}

/** `gone`: somebody else was faster. `dead`: that was one strike too many. */
export type Outcome = Verdict['how'] | 'gone' | 'dead'

/** Settles one job of the held list of `boot`. @throws what `Link.script` throws. */
export async function settle(
  link: Link,
  queue: string,
  boot: string,
  raw: Buffer,
  verdict: Verdict,
  cause: Cause,
): Promise<Outcome> {
  const { how, id, base, attempt, mailbox, next, maxAttempts, encoding } = verdict
  const strike: Strike = { at: cause.at, boot, attempt, code: cause.code }
  const told = mailbox !== null && how !== 'drop' && how !== 'bury'
  const tellAgain = told && next !== raw ? encodeLost(id, { final: false, queue }, encoding) : ''
  const outcome = await link.script(
    settleScript,
    [
      keys.held(queue, boot),
      keys.queue(queue, 'normal'),
      keys.history(queue, base),
      keys.dead(queue),
      keys.budget(queue),
      keys.delayed(queue),
      keys.clock(queue),
      keys.workers(queue),
      ...(told ? [mailbox] : []),
    ],
    [
      raw,
      how,
      next,
      JSON.stringify(strike),
      maxAttempts,
      cause.swept && mailbox !== null ? 1 : 0,
      mailbox === null ? DELAY_MS : 0,
      MAX_DELAY_MS,
      HISTORY_MS,
      tellAgain,
      told ? encodeLost(id, { final: true, queue }, encoding) : '',
      MAX_DEAD,
      how === 'again' ? JSON.stringify(encodeBytes(raw)) : '',
      cause.reason,
      cause.swept ? boot : '',
    ],
  )
  return String(outcome) as Outcome
}
