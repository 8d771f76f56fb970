/**
 * In which order the lists of a queue are taken from: strictly high, normal, low, or by weights. Pure.
 */
import { priorities, type Priority } from '@tempest/protocol'

/** `strict`: high before normal before low. Weights: of n jobs that all lists could give, each gives its share. */
export type Order = 'strict' | Readonly<Record<Priority, number>>

/** @throws TypeError unless strict or three weights of which one is above 0. */
export function checkOrder(order: unknown): Order {
  if (order === 'strict') return order
  if (typeof order === 'object' && order !== null) {
    const weights = { high: 0, normal: 0, low: 0 }
    for (const priority of priorities) {
      const weight: unknown = Reflect.get(order, priority)
      if (typeof weight !== 'number' || !Number.isFinite(weight) || weight < 0) {
        throw new TypeError(`order.${priority}: use a number that is not negative`)
      }
      weights[priority] = weight
    }
    const sum = weights.high + weights.normal + weights.low
    if (sum > 0 && Number.isFinite(sum)) return weights
  }
  throw new TypeError("order: use 'strict' or { high, normal, low } with a weight above 0")
}

/**
 * How many of n jobs to take at first from high, normal and low; what a list cannot give is then taken in strict order.
 * Fractions are drawn by lot, so that with n = 1 each list comes first as often as its weight says.
 */
export function quotas(
  order: Order,
  n: number,
  random: () => number = Math.random,
): [number, number, number] {
  if (order === 'strict') return [n, n, n]
  const sum = order.high + order.normal + order.low
  const exact = priorities.map((priority) => (n * order[priority]) / sum)
  const whole = exact.map(Math.floor)
  let left = n - whole.reduce((a, b) => a + b, 0)
  const rest = exact.map((share, i) => share - (whole[i] ?? 0))
  while (left > 0) {
    let lot = random() * rest.reduce((a, b) => a + b, 0)
    let chosen = rest.findIndex((share) => (lot -= share) < 0)
    if (chosen < 0) chosen = rest.findIndex((share) => share > 0)
    if (chosen < 0) break
    whole[chosen] = (whole[chosen] ?? 0) + 1
    rest[chosen] = 0
    left--
  }
  return [whole[0] ?? 0, whole[1] ?? 0, whole[2] ?? 0]
}
