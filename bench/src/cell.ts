/**
 * One cell: one target under one number of connections for a few seconds, with the CPU time its processes took.
 *
 * A cell with a single error is void: it is reported, and no median contains it.
 */

import { availableParallelism } from 'node:os'
import { readCpuMs, readMachineCpuMs } from './cpu.js'
import type { LoadGenerator } from './load.js'
import { summarize, takeMedian } from './statistics.js'
import { formatNumber } from './table.js'
import { roles, type Role, type Running } from './target.js'

export interface Cell {
  requests: number
  seconds: number
  requestsPerSecond: number
  p50Ms: number
  p99Ms: number
  /** Microseconds of CPU per request, of all processes of a role together. */
  cpuUs: Map<Role, number>
  loadCpuUs: number
  /** Percent of all cores that went to programs which are no part of the cell. */
  othersPercent: number
  errors: string[]
}

export async function measureCell(
  running: Running,
  generator: LoadGenerator,
  connections: number,
  seconds: number,
  body?: string,
): Promise<Cell> {
  const before = running.parts.map((part) => readCpuMs(part.pids))
  const machineBefore = readMachineCpuMs()
  const began = performance.now()
  const load = await generator.run(running.url, connections, seconds, body)
  const coresMs = (performance.now() - began) * availableParallelism()
  const machineMs = readMachineCpuMs() - machineBefore
  let ownMs = load.cpuMs
  const cpuUs = new Map<Role, number>()
  running.parts.forEach((part, index) => {
    const usedMs = readCpuMs(part.pids) - (before[index] ?? Number.NaN)
    ownMs += usedMs
    cpuUs.set(part.role, (usedMs * 1000) / load.requests)
  })
  return {
    requests: load.requests,
    seconds: load.seconds,
    requestsPerSecond: load.requests / load.seconds,
    p50Ms: load.p50Ms,
    p99Ms: load.p99Ms,
    cpuUs,
    loadCpuUs: (load.cpuMs * 1000) / load.requests,
    othersPercent: (100 * Math.max(0, machineMs - ownMs)) / coresMs,
    errors: load.errors,
  }
}

/** CPU per request of the whole target, without the load generator. */
export function totalCpuUs(cell: Cell): number {
  return [...cell.cpuUs.values()].reduce((sum, us) => sum + us, 0)
}

/** CPU per request of the process that holds the client's connection, where that is Node. */
export function serverCpuUs(cell: Cell): number {
  if (cell.cpuUs.has('proxy')) return Number.NaN
  return cell.cpuUs.get('front') ?? cell.cpuUs.get('node') ?? Number.NaN
}

/** Medians of CPU per request, role by role. */
export function formatCpu(cells: readonly Cell[]): string {
  return roles
    .filter((role) => cells.some((cell) => cell.cpuUs.has(role)))
    .map((role) => {
      const us = takeMedian(cells.map((cell) => cell.cpuUs.get(role) ?? Number.NaN))
      return `${role} ${formatNumber(us)}`
    })
    .join(' + ')
}

/** How far the figures can be trusted: on a busy machine they say little. */
export function formatDisturbance(cells: readonly Cell[]): string {
  const { median, most } = summarize(cells.map((cell) => cell.othersPercent))
  return `Other programs took ${formatNumber(median)} % of the cores in the median cell, ${formatNumber(most)} % in the worst.`
}

/** Says loudly that a cell does not count. */
export function warnIfVoid(cell: Cell, where: string): void {
  if (cell.errors.length > 0) console.error(`!!! VOID: ${where}: ${cell.errors.join('; ')}`)
}
