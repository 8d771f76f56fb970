/**
 * Events to many subscribers: Tempest's /sub beside Nchan, with clients that are quicker than either.
 *
 * Each round visits every number of subscribers with fresh hubs. These are measured in turn, a second each, so that a slow moment of the machine
 * hits all; their order turns by one each round. Ratios are taken within one turn, then their median.
 */

import { openAudience, type Audience } from './audience.js'
import { compileSubscribers } from './compiler.js'
import { writeCsv } from './csv.js'
import { formatDeliveries, formatHubGoals, formatTrust } from './deliveries.js'
import { measureAudience, toRows, type Delivery, type Plan } from './delivery.js'
import type { Home } from './home.js'
import { listHubs, type Hub } from './hub.js'
import { describeMachine, formatMachine } from './machine.js'
import type { Options } from './options.js'

/** How often the audiences of a round are measured in turn. */
const PASSES = 2
/** When more rounds would take the run beyond, it has had enough of them, unless their number was given. */
const LIMIT_MS = 235_000

/** @returns whether every event reached every subscriber once. */
export async function measureSub(home: Home, options: Options): Promise<boolean> {
  const program = compileSubscribers()
  if (program === undefined) {
    console.error(
      'Not run: the clients of `sub` are written in C, and there is no cc, gcc or clang.',
    )
    return false
  }
  const machine = describeMachine()
  const hubs = chooseHubs(options.only)
  const plan: Plan = {
    rounds: options.rounds ?? (options.quick ? 1 : 3),
    seconds: options.seconds / 6,
    subscribers: options.subscribers ?? (options.quick ? [1000, 4000] : [1000, 4000, 15_000]),
    burst: options.burst,
  }
  const deliveries: Delivery[] = []
  const began = performance.now()
  let round = 0
  while (round < plan.rounds) {
    round++
    console.log(`Round ${round} of ${plan.rounds} …`)
    for (const count of plan.subscribers) {
      deliveries.push(...(await measureInTurn(home, program, hubs, count, round, plan)))
    }
    hubs.push(...hubs.splice(0, 1))
    const wouldTakeMs = ((performance.now() - began) * (round + 1)) / round
    if (options.rounds === undefined && wouldTakeMs > LIMIT_MS) break
  }

  console.log(`\n${formatMachine(machine)}`)
  console.log(`${round} rounds of ${PASSES} passes, bursts of ${plan.burst} events`)
  console.log(`${formatTrust(deliveries)}\n`)
  console.log(formatDeliveries(deliveries))
  console.log(`\n${formatHubGoals(deliveries)}`)
  console.log(`\nEvery cell: ${writeCsv('sub', machine, deliveries.flatMap(toRows))}`)
  return deliveries.every(isValid)
}

/** All hubs have their subscribers at once, and are measured one after the other. */
async function measureInTurn(
  home: Home,
  program: string,
  hubs: readonly Hub[],
  count: number,
  round: number,
  plan: Plan,
): Promise<Delivery[]> {
  const audiences: Audience[] = []
  for (const hub of hubs) {
    audiences.push(await openAudience(home, program, hub, count, plan.burst))
  }
  const deliveries: Delivery[] = []
  for (let pass = 1; pass <= PASSES; pass++) {
    for (const audience of audiences) {
      const measured = await measureAudience(audience, { round, pass }, plan)
      warnIfVoid(measured)
      deliveries.push(...measured)
    }
  }
  for (const audience of audiences) await audience.stop()
  return deliveries
}

function chooseHubs(only: readonly string[]): Hub[] {
  const hubs = listHubs()
  const unknown = only.find((name) => !hubs.some((hub) => hub.name === name))
  if (unknown !== undefined) throw new TypeError(`--only ${unknown}: no such hub`)
  return hubs.filter(({ name, missing }) => {
    if (only.length > 0 && !only.includes(name)) return false
    if (missing !== undefined) console.log(`Not run: ${name}: ${missing}`)
    return missing === undefined
  })
}

function isValid({ one, bursts }: Delivery): boolean {
  return one.errors.length === 0 && bursts.errors.length === 0
}

/** Says loudly what does not count. */
function warnIfVoid(deliveries: readonly Delivery[]): void {
  for (const { round, subscribers, way, one, bursts } of deliveries) {
    const errors = [...one.errors, ...bursts.errors]
    if (errors.length === 0) continue
    console.error(`!!! VOID: ${way}, ${subscribers}, round ${round}: ${errors.join('; ')}`)
  }
}
