/** CSV files in bench/results: one row per cell, the machine in every row, so that files of many runs can be joined. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Cell } from './cell.js'
import type { Machine } from './machine.js'
import { roles } from './target.js'

export const resultsFolder = resolve(__dirname, '../results')

export type Row = Record<string, string | number>

/** @returns the path of the file, named after the suite and the time. */
export function writeCsv(suite: string, machine: Machine, rows: readonly Row[]): string {
  const first = rows[0]
  if (first === undefined) throw new Error(`${suite}: nothing was measured`)
  const columns = [...Object.keys(machine), ...Object.keys(first)]
  const lines = rows.map((row) => {
    const whole: Row = { ...machine, ...row }
    return columns.map((column) => quote(whole[column])).join(',')
  })
  mkdirSync(resultsFolder, { recursive: true })
  const file = join(resultsFolder, `${suite}-${machine.date.replaceAll(/[:.]/g, '-')}.csv`)
  writeFileSync(file, `${columns.join(',')}\n${lines.join('\n')}\n`)
  return file
}

/** The columns every suite has for a cell. */
export function cellColumns(cell: Cell): Row {
  return {
    requests: cell.requests,
    seconds: cell.seconds,
    requests_per_second: cell.requestsPerSecond,
    p50_ms: cell.p50Ms,
    p99_ms: cell.p99Ms,
    ...Object.fromEntries(roles.map((role) => [`cpu_${role}_us`, cell.cpuUs.get(role) ?? ''])),
    cpu_load_us: cell.loadCpuUs,
    others_percent: cell.othersPercent,
    errors: cell.errors.join('; '),
  }
}

function quote(value: string | number | undefined): string {
  if (typeof value === 'number') return Number.isFinite(value) ? String(+value.toFixed(3)) : ''
  const text = value ?? ''
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
