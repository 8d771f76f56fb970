/** What a case is, and how one ends: kept, broken, a recommendation not kept, or not tried, with the reason. */
import { isDeepStrictEqual } from 'node:util'

export interface Case<Stage> {
  /** The number of the rule in docs/protocol.md, e.g. `P-41`. */
  rule: string
  /** What must be true, as a sentence. */
  title: string
  /** A SHOULD: where it is not kept the case is advice, no failure. */
  should?: boolean
  /** It disturbs others, so it is run after them and by itself. */
  alone?: boolean
  /** Why it cannot be tried here; undefined where it can. */
  skip?: (stage: Stage) => string | undefined
  /** Longer than the run's own limit, for what has to wait. */
  limitMs?: number
  /** @throws Broken, Advice or Skip; anything else that is thrown breaks the case as well. */
  run(stage: Stage): Promise<void>
}

/** The rule is not kept. */
export class Broken extends Error {
  readonly expected: string
  readonly came: string
  readonly hint: string | undefined

  constructor(expected: string, came: unknown, hint?: string) {
    super(`expected ${expected}; came ${show(came)}`)
    this.expected = expected
    this.came = show(came)
    this.hint = hint
  }
}

/** A SHOULD of the rule is not kept; all that it MUST is. */
export class Advice extends Broken {}

/** Not tried. */
export class Skip extends Error {}

const MAX_SHOWN = 400

/** Any value in a line that is not too long. */
export function show(value: unknown): string {
  let text: string
  if (typeof value === 'string') text = value
  else if (Buffer.isBuffer(value)) text = `${value.length} bytes: ${value.toString('latin1')}`
  else text = value === undefined ? 'nothing' : JSON.stringify(value, shown)
  return text.length <= MAX_SHOWN
    ? text
    : `${text.slice(0, MAX_SHOWN)}… (${text.length} characters)`
}

/** What comes of MessagePack, and JSON has not. */
function shown(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value
}

export function check(
  holds: boolean,
  expected: string,
  came: unknown,
  hint?: string,
): asserts holds {
  if (!holds) throw new Broken(expected, came, hint)
}

export function checkEqual(came: unknown, wanted: unknown, what: string, hint?: string): void {
  if (!isDeepStrictEqual(came, wanted)) throw new Broken(`${what}: ${show(wanted)}`, came, hint)
}

/** As `check`, for what SHOULD be. */
export function advise(holds: boolean, expected: string, came: unknown, hint?: string): void {
  if (!holds) throw new Advice(expected, came, hint)
}
