/**
 * Replies in pieces: Tempest by mailbox and by its own listener, beside a bare Node that streams the same and nginx before it.
 *
 * Targets that are compared are up together and measured in turn; their order turns by one each round. Ratios are taken within one round.
 */

import { compileStreamClient } from '../compiler.js'
import { writeCsv } from '../csv.js'
import { formatJudgements, type Judgement } from '../goal.js'
import type { Home } from '../home.js'
import { describeMachine, formatMachine } from '../machine.js'
import type { Options } from '../options.js'
import { planStreams, type Case, type Plan } from './plan.js'
import { measureFirst } from './first.js'
import { measureIsolation } from './isolation.js'
import { measureLarge } from './large.js'
import { measureOpen } from './open.js'
import type { Measured } from './rows.js'
import { measureTokens } from './tokens.js'

const measures: Record<Case, (plan: Plan) => Promise<Measured>> = {
  tokens: measureTokens,
  first: measureFirst,
  large: measureLarge,
  memory: measureOpen,
  isolation: measureIsolation,
}

/** @returns whether every stream was whole. */
export async function measureStreams(home: Home, options: Options): Promise<boolean> {
  const program = compileStreamClient()
  if (program === undefined) {
    console.error(
      'Not run: the clients of `streams` are written in C, and there is no cc, gcc or clang.',
    )
    return false
  }
  const machine = describeMachine()
  console.log(formatMachine(machine))
  const plan = await planStreams(home, program, options)
  const goals: Judgement[] = []
  const files: string[] = []
  let valid = true
  for (const name of plan.cases) {
    console.log(`\n${name}: ${plan.rounds} rounds …`)
    const measured = await measures[name](plan)
    if (measured.rows.length === 0) continue
    goals.push(...measured.goals)
    files.push(writeCsv(`streams-${name}`, machine, measured.rows))
    valid = valid && measured.rows.every((row) => row['errors'] === '')
  }
  console.log(`\n${formatJudgements(goals)}`)
  console.log(`\nEvery cell: ${files.join(', ')}`)
  return valid
}
