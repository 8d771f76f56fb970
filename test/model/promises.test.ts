/** The promises of docs/guarantees.md over every order of events that a model of them can have. */
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Faults } from './faults'
import {
  brokenAtRest,
  brokenAtTheEnd,
  brokenByPoison,
  brokenForTheInnocent,
  brokenNow,
} from './promises'
import { comeToRest, type Step, stepsOf, type Weather } from './steps'
import { World } from './world'

interface Run {
  weather: Weather
  faults?: Faults
  /** The retry budget; none by default. */
  tokens?: number
  numRuns?: number
  /** What else must hold when all is at rest. */
  also?: (world: World) => string[]
}

/** Takes the steps, checking after each, then lets all come to rest. */
function play(steps: readonly Step[], run: Run): void {
  const world = new World(run.faults)
  world.hire()
  world.hire()
  if (run.tokens !== undefined) world.store.hash('{q}:budget').set('tokens', String(run.tokens))
  for (const step of steps) {
    step.take(world)
    mustHold(brokenNow(world))
  }
  comeToRest(world)
  mustHold([...brokenNow(world), ...brokenAtRest(world)])
  mustHold(run.also?.(world) ?? [])
  while (world.front.open.length > 0) world.front.expire(0)
  comeToRest(world)
  mustHold([...brokenNow(world), ...brokenAtTheEnd(world)])
}

/** More than in a test: `MODEL_RUNS=100 npx jest test/model`. */
const TIMES = Number(process.env.MODEL_RUNS ?? 1)

function mustHold(broken: string[]): void {
  if (broken.length > 0) throw new Error(broken.join('; '))
}

function check(run: Run): fc.RunDetails<[Step[]]> {
  const { numRuns = 400 } = run
  const property = fc.property(stepsOf(run.weather), (steps) => play(steps, run))
  return fc.check(property, { numRuns, endOnFailure: true })
}

/** Reports seed, path and the shortest run that breaks it. */
function holds(run: Run): void {
  fc.assert(
    fc.property(stepsOf(run.weather), (steps) => play(steps, run)),
    { numRuns: (run.numRuns ?? 400) * TIMES },
  )
}

const storm: Weather = { deaths: true, cuts: true, restarts: true, poison: 'many', pushed: true }

describe('the promises hold', () => {
  test('in peace, where no deadline is needed', () => {
    holds({ weather: { pushed: true } })
  })

  test('where workers die, are paused and come back, or are taken for dead while they live', () => {
    holds({ weather: { deaths: true, pushed: true }, numRuns: 1000 })
  })

  test('where connections break as well', () => {
    holds({ weather: { deaths: true, cuts: true, pushed: true }, numRuns: 600 })
  })

  test('where Redis is restarted, with nothing or with a snapshot', () => {
    holds({ weather: { deaths: true, restarts: true, pushed: true }, numRuns: 1200 })
  })

  test('where jobs kill their workers', () => {
    holds({ weather: { poison: 'many', deaths: true, pushed: true }, numRuns: 600 })
  })

  test('where a job kills its workers and others run beside it: none of them dies with it', () => {
    holds({ weather: { poison: 'one', pushed: true }, also: brokenForTheInnocent, numRuns: 600 })
  })

  test('where jobs kill their workers: none does so more than once beyond its attempts', () => {
    holds({ weather: { poison: 'many', pushed: true }, also: brokenByPoison, numRuns: 600 })
  })

  test('where the retry budget runs out', () => {
    holds({ weather: { poison: 'many', deaths: true }, tokens: 2 })
  })

  test('where all of this comes together', () => {
    holds({ weather: storm, numRuns: 1000 })
  })
})

describe('the properties notice', () => {
  const faults: [string, Run][] = [
    ['no fence', { weather: { deaths: true, cuts: true }, faults: { noFence: true } }],
    ['a removal before the reply', { weather: { deaths: true }, faults: { removedFirst: true } }],
    ['a sweep that does not compare', { weather: { deaths: true }, faults: { noCompare: true } }],
    ['an attempt not counted', { weather: { poison: 'one' }, faults: { notCounted: true } }],
    ['a cancelled neighbour', { weather: {}, faults: { cancelNeighbour: true } }],
    ['a zombie that takes', { weather: { deaths: true }, faults: { zombieTakes: true } }],
    [
      'a sweeper that goes on behind a worker that is back',
      { weather: { deaths: true, pushed: true }, faults: { sweepsReturned: true } },
    ],
    [
      'suspects that run together',
      {
        weather: { poison: 'one' },
        faults: { suspectsTogether: true },
        also: brokenForTheInnocent,
      },
    ],
    [
      'a worker that marks although swept',
      { weather: { deaths: true }, faults: { marksSwept: true } },
    ],
    [
      'a beat that registers',
      { weather: { deaths: true, pushed: true }, faults: { beatRegisters: true } },
    ],
    [
      'a failed job that nobody holds any more',
      { weather: { restarts: true, pushed: true }, faults: { goneStays: true } },
    ],
    ['the same attempt twice', { weather: { deaths: true }, faults: { sameAttempt: true } }],
    ['suspects without a mark', { weather: { deaths: true }, faults: { unmarked: true } }],
    ['a mark taken off early', { weather: { deaths: true }, faults: { unmarkedEarly: true } }],
    [
      'a removal by count after an error',
      { weather: { deaths: true, cuts: true, pushed: true }, faults: { countAfterError: true } },
    ],
    ['an epoch ignored', { weather: { restarts: true }, faults: { noEpoch: true } }],
    ['all jobs retried', { weather: { deaths: true }, faults: { retryAll: true } }],
    ['a mailbox trimmed twice', { weather: {}, faults: { trimTwice: true } }],
  ]
  test.each(faults)('%s', (_name, run) => {
    expect(check({ ...run, numRuns: 10_000 }).failed).toBe(true)
  })
})
