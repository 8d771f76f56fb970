/** Judges the account of a load by what the contract promises (docs/guarantees.md), and prints it. Pure. */
import type { Asked } from '../helpers/load'
import type { Plan } from './stage'

/** Where front and load generator had no core for this long in all, a request that was not served in time proves nothing. */
const STARVED_MS = 12_000
/** How much later than its deadline an answer may come: one tick of the wheel, and the way there and back. */
const LATE_MS = 1000

/** All that is wrong, one line each. `stalledMs`: how long front and load generator had no core, in all. */
export function complaintsOf(plan: Plan, asked: readonly Asked[], stalledMs: number): string[] {
  return asked.flatMap((each) => {
    const wrong = complaintOf(plan, each, LATE_MS + stalledMs)
    if (wrong === undefined) return []
    const { n, method, outcome, runs } = each
    return [
      `${plan.name}: ${method} ${n}: ${wrong}: ${JSON.stringify(outcome)}, runs [${runs.join()}]`,
    ]
  })
}

function complaintOf(
  plan: Plan,
  { method, sentAt, outcome, more, runs }: Asked,
  lateMs: number,
): string | undefined {
  const { servedMs = 15_000, deadlineMs = servedMs, postDeadlineMs = deadlineMs } = plan
  if (!outcome) return 'no outcome'
  if (more > 0) return `${more + 1} outcomes`
  const limit = Math.min(method === 'POST' ? postDeadlineMs : deadlineMs, servedMs)
  if (outcome.ms > limit + lateMs) return 'past its deadline'
  if (method === 'POST' && runs.length > 1) return 'run twice'
  if (new Set(runs).size < runs.length) return 'one attempt run twice'
  const { status, code, retryAfter } = outcome
  if (status === 200) {
    if (code !== '') return 'not the right answer'
    return runs.length === 0 ? 'answered and never run' : undefined
  }
  if (status === 503 && code === 'REDIS_AWAY' && plan.mayBeAway) {
    if (runs.length > 0) return 'run although it was refused'
    return retryAfter === undefined ? 'no Retry-After' : undefined
  }
  if (status === 503 && code === 'STOPPING' && plan.stops) return undefined
  if (status === 504 && method === 'POST' && plan.postsMayFail) return undefined
  if (status === 504 && lateMs > STARVED_MS) return undefined
  if (status === 504 && sentAt < (plan.lostUntil ?? 0)) return undefined
  return 'not served'
}

/** One line: how many of each method ended how, how long it took, how often handlers ran more than once. */
export function accountOf(plan: Plan, asked: readonly Asked[]): string {
  const counts = new Map<string, number>()
  for (const { method, outcome } of asked) {
    const how = outcome ? `${outcome.status}${outcome.code && ` ${outcome.code}`}` : 'open'
    const name = `${method} ${how}`
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  const times = asked.flatMap(({ outcome }) => (outcome ? [outcome.ms] : [])).sort((a, b) => a - b)
  const at = (part: number): number => Math.round(times[Math.floor(times.length * part)] ?? 0)
  const again = asked.filter(({ runs }) => runs.length > 1).length
  const ends = [...counts].sort().map(([name, count]) => `${name}: ${count}`)
  return (
    `${plan.name}: ${asked.length} asked; ${ends.join(', ')}; ms p50 ${at(0.5)}, p99 ${at(0.99)}, ` +
    `max ${Math.round(times.at(-1) ?? 0)}; run more than once: ${again}`
  )
}
