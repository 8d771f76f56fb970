/** Reads a .cpuprofile: time spent in each function itself, most first. */

import { readFileSync } from 'node:fs'

export interface FunctionTime {
  name: string
  place: string
  selfUs: number
  /** Of it, in the kernel; NaN where the profiler cannot tell. */
  kernelUs: number
}

export function readProfile(file: string): FunctionTime[] {
  const profile: unknown = JSON.parse(readFileSync(file, 'utf8'))
  const names = new Map<unknown, { name: string; place: string }>()
  for (const node of listOf(profile, 'nodes')) {
    names.set(property(node, 'id'), describeFrame(property(node, 'callFrame')))
  }
  const deltas = listOf(profile, 'timeDeltas')
  const times = new Map<string, FunctionTime>()
  // The time until the next sample belongs to this one.
  listOf(profile, 'samples').forEach((id, index) => {
    const { name, place } = names.get(id) ?? { name: '(unknown)', place: '' }
    const key = `${name} ${place}`
    const time = times.get(key) ?? { name, place, selfUs: 0, kernelUs: Number.NaN }
    time.selfUs += Number(deltas[index + 1] ?? 0)
    times.set(key, time)
  })
  return [...times.values()].sort((a, b) => b.selfUs - a.selfUs)
}

function describeFrame(frame: unknown): { name: string; place: string } {
  const name = text(property(frame, 'functionName'))
  const url = text(property(frame, 'url'))
  const line = Number(property(frame, 'lineNumber')) + 1
  const place = url === '' ? '' : `${shortenPlace(url)}:${line}`
  return { name: name === '' ? '(anonymous)' : name, place }
}

/** Paths from the project's folder on. */
export function shortenPlace(file: string): string {
  return file.replace(/^(file:\/\/)?.*\/(node_modules|packages|bench|launch)\//, '$2/')
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function property(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  return new Map<string, unknown>(Object.entries(value)).get(name)
}

function listOf(value: unknown, name: string): unknown[] {
  const list = property(value, name)
  return Array.isArray(list) ? list : []
}
