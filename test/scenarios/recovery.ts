/** How long it takes from a worker's death or pause until somebody else has answered, or the client was told. Pure. */
import type { Asked } from '../helpers/load'
import type { Hands } from './hands'

export interface Recoveries {
  /** From a kill to the answer of another worker, in ms. */
  answered: number[]
  /** From a kill to the 502. */
  told: number[]
  /** From a pause to either; one that was over in time is none. */
  paused: number[]
}

/**
 * Of each request that a killed or stopped worker had in hand and had not answered. Of one that lost several workers the last
 * counts: before that there was nobody who could have answered.
 */
export function recoveriesOf(hands: readonly Hands[], asked: readonly Asked[]): Recoveries {
  const first = asked[0]?.n ?? 0
  const last = new Map<number, Hands>()
  for (const each of [...hands].sort((a, b) => a.lostAt - b.lostAt)) {
    for (const n of each.numbers) last.set(n, each)
  }
  const recoveries: Recoveries = { answered: [], told: [], paused: [] }
  for (const [n, { lostAt, by }] of last) {
    const each = asked[n - first]
    if (!each?.outcome) continue
    const tookMs = each.sentAt + each.outcome.ms - lostAt
    if (tookMs < 0) continue
    const { status } = each.outcome
    // One that was answered just before the kill may arrive just after it: then nobody ran it again.
    const again = each.ranAt.some((at) => at > lostAt)
    if (status !== 502 && !(status === 200 && again)) continue
    if (by === 'pause') recoveries.paused.push(tookMs)
    else if (status === 200) recoveries.answered.push(tookMs)
    else recoveries.told.push(tookMs)
  }
  return recoveries
}

export function percentile(times: readonly number[], part: number): number {
  const sorted = [...times].sort((a, b) => a - b)
  return Math.round(sorted[Math.min(Math.floor(sorted.length * part), sorted.length - 1)] ?? 0)
}

/** One line: `count, p50, p90, p99, max`. */
export function summaryOf(name: string, times: readonly number[]): string {
  const at = (part: number): number => percentile(times, part)
  return `${name}: ${times.length}, ms p50 ${at(0.5)}, p90 ${at(0.9)}, p99 ${at(0.99)}, max ${at(1)}`
}
