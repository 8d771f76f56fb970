/** The sums of a soak. Of requests that ended well only counts are kept, so that it does not grow with the hours. */
import type { Asked } from '../helpers/load'
import { countEnds } from '../scenarios/account'
import type { Recoveries } from '../scenarios/recovery'

const BUCKET_MS = 250
const MAX_VIOLATIONS = 200

/** How often something took how long, in steps of 250 ms. */
class Histogram {
  readonly #counts: number[] = []
  count = 0
  maxMs = 0

  add(ms: number): void {
    const i = Math.floor(ms / BUCKET_MS)
    this.#counts[i] = (this.#counts[i] ?? 0) + 1
    this.count++
    this.maxMs = Math.max(this.maxMs, ms)
  }

  /** The upper end of the step in which this part of all is reached. */
  percentile(part: number): number {
    let sum = 0
    const i = Array.from(
      this.#counts,
      (count: number | undefined) => (sum += count ?? 0),
    ).findIndex((upTo) => upTo >= this.count * part)
    return Math.min((i + 1) * BUCKET_MS, this.maxMs)
  }

  text(): string {
    if (this.count === 0) return 'none'
    const at = (part: number): number => Math.round(this.percentile(part))
    const steps = Array.from(this.#counts, (count: number | undefined, i) =>
      !count ? '' : `\n    < ${String((i + 1) * BUCKET_MS).padStart(5)} ms  ${count}`,
    )
    return `${this.count}, ms p50 ${at(0.5)}, p99 ${at(0.99)}, max ${Math.round(this.maxMs)}${steps.join('')}`
  }
}

export class Tally {
  requests = 0
  readonly ends = new Map<string, number>()
  readonly violations: string[] = []
  readonly answered = new Histogram()
  readonly told = new Histogram()
  readonly paused = new Histogram()
  /** All, in rounds in which Redis had troubles of its own. */
  readonly troubled = new Histogram()
  /** Each by its name: how often workers were killed, fronts, Redis restarted, … */
  readonly troubles = new Map<string, number>()
  again = 0
  pushes = 0
  rounds = 0

  take(asked: readonly Asked[], { answered, told, paused }: Recoveries, troubled: boolean): void {
    this.requests += asked.length
    countEnds(asked, this.ends)
    this.again += asked.filter(({ runs }) => runs.length > 1).length
    for (const ms of answered) (troubled ? this.troubled : this.answered).add(ms)
    for (const ms of told) (troubled ? this.troubled : this.told).add(ms)
    for (const ms of paused) (troubled ? this.troubled : this.paused).add(ms)
  }

  complain(complaints: readonly string[]): void {
    const kept = complaints.slice(0, MAX_VIOLATIONS - this.violations.length)
    this.violations.push(...kept)
    for (const complaint of kept) console.log(`violation: ${complaint}`)
  }

  count(trouble: string, times = 1): void {
    this.troubles.set(trouble, (this.troubles.get(trouble) ?? 0) + times)
  }
}

/** What one more minute adds, by the method of least squares. */
export function slopeOf(samples: readonly (readonly [minute: number, value: number])[]): number {
  const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length
  const x = mean(samples.map(([minute]) => minute))
  const y = mean(samples.map(([, value]) => value))
  const up = samples.reduce((sum, [minute, value]) => sum + (minute - x) * (value - y), 0)
  return up / samples.reduce((sum, [minute]) => sum + (minute - x) ** 2, 0)
}
