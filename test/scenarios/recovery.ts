/** How long it takes from a worker's death until somebody else has answered, or the client was told. Pure. */
import type { Asked } from '../helpers/load'

/** What a worker had in its hands when it was killed. */
export interface Hands {
  killedAt: number
  numbers: readonly number[]
}

export interface Recoveries {
  /** From the kill to the answer of another worker, in ms. */
  answered: number[]
  /** From the kill to the 502. */
  told: number[]
}

/**
 * Of each request that a killed worker had in hand and had not answered. Of one that lost several workers the last counts:
 * before that there was nobody who could have answered.
 */
export function recoveriesOf(hands: readonly Hands[], asked: readonly Asked[]): Recoveries {
  const first = asked[0]?.n ?? 0
  const lastKill = new Map<number, number>()
  for (const { killedAt, numbers } of hands) for (const n of numbers) lastKill.set(n, killedAt)
  const recoveries: Recoveries = { answered: [], told: [] }
  for (const [n, killedAt] of lastKill) {
    const each = asked[n - first]
    if (!each?.outcome) continue
    const tookMs = each.sentAt + each.outcome.ms - killedAt
    if (tookMs < 0) continue
    // One that was answered just before the kill may arrive just after it: then nobody ran it again.
    if (each.outcome.status === 200 && each.ranAt.some((at) => at > killedAt)) {
      recoveries.answered.push(tookMs)
    }
    if (each.outcome.status === 502) recoveries.told.push(tookMs)
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
