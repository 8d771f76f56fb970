/** Defaults, and the checks that options have in common. Pure. */

export const adaptDefaults = {
  timeoutMs: 30_000,
  idleMs: 60_000,
  collectBytes: 64 * 1024,
} as const

export type Limits = Record<keyof typeof adaptDefaults, number>

/** What is given, and the defaults for the rest. @throws TypeError that names the option. */
export function readLimits(given: {
  readonly [name in keyof Limits]?: number | undefined
}): Limits {
  const of = (name: keyof Limits, min: number): number =>
    checkCount(name, given[name] ?? adaptDefaults[name], min)
  return {
    timeoutMs: of('timeoutMs', 1),
    idleMs: of('idleMs', 1),
    collectBytes: of('collectBytes', 0),
  }
}

/** Longer than any timer of Node's can be. */
const MAX_NUMBER = 2 ** 31 - 1

/** @throws TypeError that names the option. */
function checkCount(name: string, value: unknown, min: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= MAX_NUMBER) {
    return value
  }
  throw new TypeError(`${name}: use a whole number from ${min} to ${MAX_NUMBER}`)
}

/** @throws TypeError that names the option. */
export function checkChoice<T extends string>(
  name: string,
  value: unknown,
  choices: readonly T[],
): T {
  const found = choices.find((choice) => choice === value)
  if (found !== undefined) return found
  throw new TypeError(`${name}: use ${choices.map((choice) => `'${choice}'`).join(', ')}`)
}
