/** What every case does with its cells: groups of one target, columns of the table and of the CSV. */

import type { Row } from '../csv.js'
import type { Judgement } from '../goal.js'
import { takeMedian } from '../statistics.js'
import { formatNumber } from '../table.js'
import { streamRoles } from './target.js'
import type { Usage } from './usage.js'

export interface Measured {
  /** Of its CSV. */
  rows: Row[]
  goals: Judgement[]
}

export interface Cell {
  round: number
  target: string
  title: string
  /** In words, empty where every stream was whole. A cell with one is void. */
  errors: string[]
}

/** Cells of one target, targets in the order of the first round. */
export function groupByTarget<T extends Cell>(cells: readonly T[]): [T, ...T[]][] {
  const groups = new Map<string, [T, ...T[]]>()
  for (const cell of cells) {
    const group = groups.get(cell.target)
    if (group) group.push(cell)
    else groups.set(cell.target, [cell])
  }
  return [...groups.values()]
}

/** The cell of another target in the same round. */
export function besideOf<T extends Cell>(cells: readonly T[], { round }: T, target: string) {
  return cells.find((cell) => cell.target === target && cell.round === round)
}

export function warnIfVoid(what: string, { title, round, errors }: Cell): void {
  if (errors.length === 0) return
  console.error(`!!! VOID: ${what}, ${title}, round ${round}: ${errors.join('; ')}`)
}

/** CPU of each role, medians, as `scale` makes figures of it. */
export function formatCpu(
  usages: readonly Usage[],
  scale: (ms: number, index: number) => number,
): string {
  return streamRoles
    .filter((role) => usages.some(({ cpuMs }) => cpuMs.has(role)))
    .map((role) => {
      const figures = usages.map(({ cpuMs }, i) => scale(cpuMs.get(role) ?? Number.NaN, i))
      return `${role} ${formatNumber(takeMedian(figures))}`
    })
    .join(' + ')
}

/** `perSecond` becomes `per_second`. */
export function toRow(cell: Cell & object, usage?: Usage, scale?: (ms: number) => number): Row {
  const row: Row = {}
  for (const [name, value] of Object.entries(cell)) {
    if (typeof value !== 'number' && typeof value !== 'string') continue
    row[name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)] = value
  }
  if (usage && scale) {
    for (const role of streamRoles) {
      row[`cpu_${role}`] = scale(usage.cpuMs.get(role) ?? Number.NaN)
    }
    row['others_percent'] = usage.othersPercent
  }
  row['errors'] = cell.errors.join('; ')
  return row
}
