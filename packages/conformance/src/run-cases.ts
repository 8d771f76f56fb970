/**
 * Runs cases: first those that disturb nobody, several at once, then the others one by one. Each has a limit. Results are in the order of the cases.
 */
import { Advice, Broken, type Case, Skip } from './case.js'
import type { CaseResult } from './report.js'

export interface RunOptions<Stage> {
  stage: Stage
  limitMs: number
  /** How many at once. */
  width: number
  /** Rules to run; undefined: all. */
  only?: readonly string[] | undefined
  /** Rules not to run. */
  except?: readonly string[] | undefined
  /** No further case is begun. */
  signal: AbortSignal
  /** Before each case that runs alone: the subject may have been broken by the one before. */
  mend?: (broken: boolean) => Promise<void>
}

export async function runCases<Stage>(
  cases: readonly Case<Stage>[],
  { stage, limitMs, width, only, except = [], signal, mend }: RunOptions<Stage>,
): Promise<CaseResult[]> {
  const chosen = choose(cases, { only, except })
  const results = new Map<Case<Stage>, CaseResult>()
  const run = async (each: Case<Stage>): Promise<CaseResult> => {
    const result = await runCase(each, stage, each.limitMs ?? limitMs)
    results.set(each, result)
    return result
  }
  const together = chosen.filter(({ alone }) => alone !== true)
  // Those that wait for long begin first.
  const order = [...together].sort((a, b) => (b.limitMs ?? 0) - (a.limitMs ?? 0))
  const next = async (): Promise<void> => {
    for (let each = order.shift(); each && !signal.aborted; each = order.shift()) await run(each)
  }
  await Promise.all(Array.from({ length: width }, next))
  let broken = [...results.values()].some(({ verdict }) => verdict === 'fail')
  for (const each of chosen.filter(({ alone }) => alone === true)) {
    if (signal.aborted) break
    await mend?.(broken)
    broken = (await run(each)).verdict === 'fail'
  }
  return chosen.map((each, i) => ({ ...results.get(each), number: i + 1 }) as CaseResult)
}

/** @throws where a rule is named that has no case: nobody is to think that it was tried. */
export function choose<Some extends { rule: string }>(
  cases: readonly Some[],
  {
    only,
    except = [],
  }: { only?: readonly string[] | undefined; except?: readonly string[] | undefined },
): Some[] {
  const known = new Set(cases.map(({ rule }) => rule))
  const odd = [...(only ?? []), ...except].find((rule) => !known.has(rule))
  if (odd !== undefined) throw new Error(`no case is about ${odd}: --list tells which there are`)
  return cases.filter(({ rule }) => (only?.includes(rule) ?? true) && !except.includes(rule))
}

async function runCase<Stage>(
  each: Case<Stage>,
  stage: Stage,
  limitMs: number,
): Promise<CaseResult> {
  const { rule, title } = each
  const begun = performance.now()
  const end = (rest: Pick<CaseResult, 'verdict'> & Partial<CaseResult>): CaseResult => ({
    ...{ number: 0, rule, title, ms: Math.round(performance.now() - begun) },
    ...rest,
  })
  const reason = each.skip?.(stage)
  if (reason !== undefined) return end({ verdict: 'skip', reason })
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_resolve, reject) => {
    const late = new Broken(`an end within ${limitMs} ms`, 'none')
    timer = setTimeout(() => reject(late), limitMs)
  })
  try {
    await Promise.race([each.run(stage), limit])
    return end({ verdict: 'pass' })
  } catch (error) {
    if (error instanceof Skip) return end({ verdict: 'skip', reason: error.message })
    const soft = error instanceof Advice || (each.should === true && error instanceof Broken)
    const said = error instanceof Broken ? error : new Broken('a case that runs', String(error))
    const { expected, came, hint } = said
    const verdict = soft ? 'advice' : 'fail'
    return end({ verdict, expected, came, ...(hint === undefined ? {} : { hint }) })
  } finally {
    clearTimeout(timer)
  }
}
