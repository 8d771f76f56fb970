/** Cuts the connections of one cell through its proxy, again and again, each time they are whole. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Cut, Proxy, Role } from '../helpers/proxy'
import { until } from '../helpers/until'

/** A silent link is noticed after 3 to 3.5 s; the rest is for a machine that is busy. */
const WHOLE_MS = 40_000

/**
 * Resolves when the node has all its connections again, no two of a kind, and Redis has closed those it gave up:
 * that nothing but CLIENT KILL can have done.
 */
export async function untilWhole(proxy: Proxy, wanted: readonly Role[]): Promise<void> {
  await until(() => {
    // A beat is repeated; nobody waits for its answer, and nothing hangs on the connection it came by.
    const roles = Object.entries(proxy.roles()).filter(([role]) => role !== 'beat')
    const orphans = proxy.orphans().filter((role) => role !== 'beat')
    const total = roles.reduce((sum, [, count]) => sum + count, 0)
    const names = roles.map(([role]) => role)
    return (
      total === wanted.length &&
      wanted.every((role) => names.includes(role)) &&
      orphans.length === 0
    )
  }, WHOLE_MS)
}

export interface Cutting {
  how: Cut
  /** Those to cut. */
  roles: readonly Role[]
  /** All the node has. */
  wanted: readonly Role[]
  /** How often; a `destroy` is quick and comes six times as often. */
  rounds: number
}

/** @returns how many connections were cut. */
export async function cutAgain(
  proxy: Proxy,
  { how, roles, wanted, rounds }: Cutting,
): Promise<number> {
  let count = 0
  const times = how === 'destroy' ? rounds * 6 : rounds
  for (let round = 0; round < times; round++) {
    await untilWhole(proxy, wanted)
    // Not always at the same point of a beat or a parked call.
    await pause(150 + ((round * 137) % 400))
    count += proxy.cut(how, roles)
  }
  await untilWhole(proxy, wanted)
  return count
}
