/** A cell and where it belongs: round, connections, target. Ratios are always taken within one round. */

import type { Cell } from './cell.js'
import { summarize, type Summary } from './statistics.js'
import type { Target } from './target.js'

export interface Visit {
  round: number
  connections: number
  target: Target
  cell: Cell
}

/** The cells of a target that are not void. */
export function pickCells(visits: readonly Visit[], connections: number, name: string): Cell[] {
  return visits
    .filter((visit) => visit.connections === connections && visit.target.name === name)
    .map(({ cell }) => cell)
    .filter(isValid)
}

/** Each round's ratio to bare in the same round, summarized. */
export function compareToBare(
  visits: readonly Visit[],
  connections: number,
  name: string,
  measure: (cell: Cell) => number,
): Summary {
  return summarize(
    visits
      .filter((visit) => visit.connections === connections && visit.target.name === name)
      .filter(({ cell }) => isValid(cell))
      .map(({ round, cell }) => inRound(visits, round, connections, measure(cell), measure)),
  )
}

/** `value` divided by what bare had in the same round with the same connections. */
export function inRound(
  visits: readonly Visit[],
  round: number,
  connections: number,
  value: number,
  measure: (cell: Cell) => number,
): number {
  const bare = visits.find(
    (visit) =>
      visit.round === round && visit.connections === connections && visit.target.name === 'bare',
  )
  return bare !== undefined && isValid(bare.cell) ? value / measure(bare.cell) : Number.NaN
}

/** A void cell counts nowhere but in the CSV. */
function isValid(cell: Cell): boolean {
  return cell.errors.length === 0
}
