/** A cell of the growth suite, measured without or with what must not make it dearer. */

import type { Cell } from './cell.js'
import { summarize, type Summary } from './statistics.js'

export interface Sample {
  scenario: string
  state: 'without' | 'with'
  round: number
  cell: Cell
}

/** Each round's mean with, divided by its mean without. */
export function growthOf(
  samples: readonly Sample[],
  name: string,
  measure: (cell: Cell) => number,
): Summary {
  const mine = samples.filter(({ scenario, cell }) => scenario === name && cell.errors.length === 0)
  const meanOf = (state: Sample['state'], round: number): number => {
    const values = mine
      .filter((sample) => sample.state === state && sample.round === round)
      .map(({ cell }) => measure(cell))
    return values.reduce((sum, value) => sum + value, 0) / values.length
  }
  const rounds = [...new Set(mine.map(({ round }) => round))]
  return summarize(rounds.map((round) => meanOf('with', round) / meanOf('without', round)))
}
