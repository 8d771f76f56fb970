/** Judges the account of a load by what the contract promises (docs/guarantees.md), and prints it. Pure. */
import type { Asked } from '../helpers/load'

/** What a scenario does to its requests, and so how they may end beside with the right answer. */
export interface Rules {
  name: string
  /** @defaultValue 25000: on a machine that is busy a cut takes longer */
  deadlineMs?: number
  /** In which everything must be served on a machine that is not. @defaultValue 15000 */
  servedMs?: number
  /** @defaultValue deadlineMs */
  postDeadlineMs?: number
  /** The push of a POST may have an unknown outcome: then 504 is right. @defaultValue false */
  postsMayFail?: boolean
  /** Workers die: then 502 is right for a POST. @defaultValue false */
  workersDie?: boolean
  /** Boots of workers that died: what they had run and not yet removed is run again, as the same attempt. @defaultValue none */
  deadBoots?: ReadonlySet<string>
  /** Ports of fronts that died: then a connection may break. @defaultValue none */
  deadPorts?: ReadonlySet<number>
  /** Redis loses what was in it before this time of `performance.now()`: then 504 is right for all. @defaultValue it does not */
  lostUntil?: number
  /** Redis may be away for longer than redisWaitMs: then 503 is right, and nothing ran. @defaultValue false */
  mayBeAway?: boolean
  /** Redis may be full: then 503 is right, and nothing ran. @defaultValue false */
  mayBeFull?: boolean
  /** A front or a worker is told to end while requests are open: then 503 is right. @defaultValue false */
  stops?: boolean
}

/** Where front and load generator had no core for this long in all, a request that was not served in time proves nothing. */
const STARVED_MS = 12_000
/** How much later than its deadline an answer may come: one tick of the wheel, and the way there and back. */
const LATE_MS = 1000

/** All that is wrong, one line each. `stalledMs`: how long front and load generator had no core, in all. */
export function complaintsOf(rules: Rules, asked: readonly Asked[], stalledMs: number): string[] {
  return asked.flatMap((each) => {
    const wrong = complaintOf(rules, each, LATE_MS + stalledMs)
    if (wrong === undefined) return []
    const { n, method, path, outcome, runs, sentAt, ranAt, ranBy } = each
    const ran = runs.map((attempt, i) => {
      const at = ranAt[i] ?? 0
      return at === 0 ? attempt : `${attempt} at ${Math.round(at - sentAt)} by ${ranBy[i] ?? ''}`
    })
    return [
      `${rules.name}: ${method} ${n} (${path}) sent at ${Math.round(sentAt)}: ${wrong}: ${JSON.stringify(outcome)}, runs [${ran.join()}]`,
    ]
  })
}

function complaintOf(rules: Rules, asked: Asked, lateMs: number): string | undefined {
  const { method, outcome, more, runs, expected } = asked
  const { servedMs = 15_000, deadlineMs = servedMs, postDeadlineMs = deadlineMs } = rules
  if (!outcome) return 'no outcome'
  if (more > 0) return `${more + 1} outcomes`
  const limit = Math.min(method === 'POST' ? postDeadlineMs : deadlineMs, servedMs)
  if (outcome.ms > limit + lateMs) return 'past its deadline'
  if (method === 'POST' && runs.length > 1) return 'run twice'
  const { deadBoots = new Set() } = rules
  const survived = runs.filter((_, i) => !deadBoots.has(asked.ranBy[i] ?? ''))
  if (new Set(survived).size < survived.length && lateMs < STARVED_MS) {
    return 'one attempt run twice'
  }
  const { status, code } = outcome
  if (status === 200) {
    if (code !== '') return 'not the right answer'
    if (runs.length === 0) return 'answered and never run'
  }
  if (expected) {
    const end = endOf(outcome)
    return expected.includes(end) ? undefined : `${end} and none of ${expected.join(', ')}`
  }
  return status === 200 ? undefined : refusalOf(rules, asked, outcome, lateMs)
}

/** Whether anything but the right answer is right. */
function refusalOf(
  rules: Rules,
  { method, sentAt, runs, left, port }: Asked,
  { status, code, retryAfter }: NonNullable<Asked['outcome']>,
  lateMs: number,
): string | undefined {
  if (left) return undefined
  const away = code === 'REDIS_AWAY' && rules.mayBeAway === true
  const full = code === 'REDIS_REFUSED' && rules.mayBeFull === true
  if (status === 503 && (away || full)) {
    if (runs.length > 0) return 'run although it was refused'
    return retryAfter === undefined ? 'no Retry-After' : undefined
  }
  if (status === 503 && code === 'STOPPING' && rules.stops) return undefined
  if (status === 502 && code === 'WORKER_LOST' && method === 'POST' && rules.workersDie) {
    return undefined
  }
  if (status === 504 && method === 'POST' && rules.postsMayFail) return undefined
  if (status === 504 && lateMs > STARVED_MS) return undefined
  if (status === 504 && sentAt < (rules.lostUntil ?? 0)) return undefined
  if (status === 0 && rules.deadPorts?.has(port)) return undefined
  return 'not served'
}

/** How a request ended, as its status and code. */
function endOf({ status, code }: { status: number; code: string }): string {
  return `${status}${code && ` ${code}`}`
}

/** How many of each method ended how. */
export function countEnds(
  asked: readonly Asked[],
  counts = new Map<string, number>(),
): typeof counts {
  for (const { method, outcome } of asked) {
    const name = `${method} ${outcome ? endOf(outcome) : 'open'}`
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return counts
}

/** One line: how many of each method ended how, how long it took, how often handlers ran more than once. */
export function accountOf(rules: Rules, asked: readonly Asked[]): string {
  const counts = countEnds(asked)
  const times = asked.flatMap(({ outcome }) => (outcome ? [outcome.ms] : [])).sort((a, b) => a - b)
  const at = (part: number): number => Math.round(times[Math.floor(times.length * part)] ?? 0)
  const again = asked.filter(({ runs }) => runs.length > 1).length
  const ends = [...counts].sort().map(([name, count]) => `${name}: ${count}`)
  return (
    `${rules.name}: ${asked.length} asked; ${ends.join(', ')}; ms p50 ${at(0.5)}, p99 ${at(0.99)}, ` +
    `max ${Math.round(times.at(-1) ?? 0)}; run more than once: ${again}`
  )
}
