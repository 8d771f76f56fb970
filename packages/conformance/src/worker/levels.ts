/** What a worker claims to be, and which cases are tried because of it. */
import type { Case } from '../case.js'
import type { Level, WorkerStage } from './stage.js'

export type WorkerCase = Case<WorkerStage>

const order: readonly Level[] = ['simple', 'safe', 'full']

export function isLevel(value: unknown): value is Level {
  return order.some((level) => level === value)
}

/** For cases of a level: why they cannot be tried with less. */
export function from(level: Level): (stage: WorkerStage) => string | undefined {
  return (stage) =>
    order.indexOf(stage.level) >= order.indexOf(level)
      ? undefined
      : `the worker is ${stage.level}, this is for ${level} ones`
}

export function needsApp(stage: WorkerStage): string | undefined {
  return stage.app ? undefined : 'the worker does not serve the application of the kit'
}

export function needsPrivate(stage: WorkerStage): string | undefined {
  return stage.private ? undefined : 'only on a private Redis, not with --redis'
}

type Need = (stage: WorkerStage) => string | undefined

export function all(...needs: Need[]): Need {
  return (stage) => needs.map((need) => need(stage)).find((reason) => reason !== undefined)
}

/**
 * From what it has written into Redis: a record makes it safe (P-77), marks make it full (P-106). The record comes before the first pop, so it is
 * there once a job was answered.
 */
export async function levelOf(stage: WorkerStage): Promise<Level> {
  const [worker] = await stage.workersOf()
  if (!worker) return 'simple'
  return worker.record['suspects'] === true ? 'full' : 'safe'
}
