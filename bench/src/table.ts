/** Figures for people: a markdown table whose columns also line up on a terminal, and numbers as they are read. */

import type { Summary } from './statistics.js'

export function formatTable(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const widths = heads.map((head, column) =>
    Math.max(head.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const line = (cells: readonly string[]): string =>
    `| ${widths.map((width, column) => (cells[column] ?? '').padEnd(width)).join(' | ')} |`
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`
  return [line(heads), rule, ...rows.map(line)].join('\n')
}

/** Three figures that matter; a dash for what could not be measured. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return '–'
  const size = Math.abs(value)
  if (size >= 1000) return Math.round(value).toLocaleString('en-US')
  if (size >= 100) return value.toFixed(0)
  return size >= 10 ? value.toFixed(1) : value.toFixed(2)
}

/** `median (least–most)` */
export function formatSummary({ median, least, most }: Summary): string {
  if (!Number.isFinite(median)) return '–'
  return `${formatNumber(median)} (${formatNumber(least)}–${formatNumber(most)})`
}
