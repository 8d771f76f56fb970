/** What a run of `streams` does: which cases and targets, how often, how long. */

import type { Home } from '../home.js'
import type { Options } from '../options.js'
import {
  nodeTarget,
  proxyTarget,
  tempestTarget,
  type RunningStreams,
  type StreamTarget,
} from './target.js'
import { missDirect } from './verify.js'

const cases = ['tokens', 'first', 'large', 'memory', 'isolation'] as const
export type Case = (typeof cases)[number]

export interface Plan {
  home: Home
  /** The clients. */
  program: string
  rounds: number
  seconds: number
  quick: boolean
  cases: Case[]
  targets: StreamTarget[]
}

export interface Started {
  target: StreamTarget
  running: RunningStreams
}

/** @throws TypeError for a name in `--only` that is neither a case nor a target. */
export async function planStreams(home: Home, program: string, options: Options): Promise<Plan> {
  const all = [
    nodeTarget,
    proxyTarget(false),
    proxyTarget(true),
    tempestTarget('mailbox'),
    tempestTarget('direct'),
  ]
  // With two cores these say little: they are run where they are named.
  const more = [tempestTarget('mailbox', 2), tempestTarget('direct', 2)]
  const { only, quick } = options
  const chosen = cases.filter((name) => only.includes(name))
  const named = [...all, ...more].filter(({ name }) => only.includes(name))
  const known = new Set<string>([...cases, ...[...all, ...more].map(({ name }) => name)])
  const unknown = only.find((name) => !known.has(name))
  if (unknown !== undefined) throw new TypeError(`--only ${unknown}: no such case or target`)

  const targets: StreamTarget[] = []
  let directMissing: string | undefined
  for (const target of named.length > 0 ? named : all) {
    const isDirect = target.name.startsWith('direct')
    if (isDirect) directMissing ??= (await missDirect(home, program, target)) ?? ''
    const missing = isDirect ? directMissing : target.missing
    if (missing) console.log(`Not run: ${target.title}: ${missing}`)
    else targets.push(target)
  }
  return {
    home,
    program,
    rounds: options.rounds ?? (quick ? 1 : 3),
    seconds: options.seconds,
    quick,
    cases: chosen.length > 0 ? chosen : [...cases],
    targets,
  }
}

/** Those of the plan that a case is about, in the order in which they were named. */
export function choose(plan: Plan, names: readonly string[]): StreamTarget[] {
  return plan.targets.filter(({ name }) => names.includes(name))
}

/** Runs a case with targets that are all up; whatever becomes of it, they are ended. */
export async function withTargets<T>(
  plan: Plan,
  names: readonly string[],
  run: (started: Started[]) => Promise<T>,
): Promise<T> {
  const started: Started[] = []
  try {
    for (const target of choose(plan, names)) {
      started.push({ target, running: await target.start(plan.home) })
    }
    return await run(started)
  } finally {
    for (const { running } of started) await running.stop()
  }
}

/** Every target in every round, beginning with another each time. */
export async function inTurn(
  plan: Plan,
  started: readonly Started[],
  measure: (one: Started, round: number) => Promise<void>,
): Promise<void> {
  const order = [...started]
  for (let round = 1; round <= plan.rounds; round++) {
    for (const one of order) await measure(one, round)
    order.push(...order.splice(0, 1))
  }
}
