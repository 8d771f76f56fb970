/** Median and spread of a few rounds. With five of them the spread is simply from the least to the most. */

export interface Summary {
  median: number
  least: number
  most: number
}

/** NaN throughout where there are no values. */
export function summarize(values: readonly number[]): Summary {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b)
  const middle = sorted.length / 2
  const median =
    sorted.length % 2 === 1
      ? (sorted[Math.floor(middle)] ?? Number.NaN)
      : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2
  return { median, least: sorted[0] ?? Number.NaN, most: sorted.at(-1) ?? Number.NaN }
}

export function takeMedian(values: readonly number[]): number {
  return summarize(values).median
}
