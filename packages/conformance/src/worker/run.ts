/** One run of the kit against a worker's command. */
import { startPrivateRedis } from '../redis-server.js'
import { type Report, reportOf } from '../report.js'
import { closeSoon, unlessGivenUp } from '../giving-up.js'
import { untried } from '../rules.js'
import { choose, runCases } from '../run-cases.js'
import { contractCases } from './cases/app.js'
import { markedCases } from './cases/full.js'
import { jobCases } from './cases/jobs.js'
import { livingCases } from './cases/living.js'
import { vectorCases } from './cases/malformed.js'
import { manyCases } from './cases/many.js'
import { packedCases } from './cases/packed.js'
import { heldCases } from './cases/safe.js'
import { troubleCases } from './cases/trouble.js'
import { levelOf, type WorkerCase } from './levels.js'
import { restart } from './restart.js'
import { type Level, WorkerStage } from './stage.js'

export interface WorkerRun {
  command: readonly string[]
  /** Beside TEMPEST_REDIS_URL and TEMPEST_QUEUES. @defaultValue process.env */
  env?: NodeJS.ProcessEnv
  /** A Redis that is there already; nothing in it is touched but what the run makes. @defaultValue a private one */
  redis?: string | undefined
  /** For the private one. @defaultValue from the PATH */
  redisServer?: string | undefined
  /** Rules to try. @defaultValue all */
  only?: readonly string[] | undefined
  /** Rules not to try. */
  except?: readonly string[] | undefined
  /** @defaultValue what it shows by its record */
  level?: Level | undefined
  /** It must serve the application of the kit. @defaultValue asked */
  app?: boolean | undefined
  /** It reads MessagePack (P-25): it is sent jobs in that as well. @defaultValue false */
  msgpack?: boolean | undefined
  /** For one reply. @defaultValue 8000, more for a worker that is slow */
  timeoutMs?: number | undefined
  /** Gives the run up: what it has made is removed, and it rejects with the signal's reason. */
  signal?: AbortSignal | undefined
}

const REPLY_MS = 8000
const START_MS = 30_000
/** Several at once, yet few enough that a worker that takes one job at a time keeps up. */
const WIDTH = 8

export function workerCases({ msgpack = false }: Pick<WorkerRun, 'msgpack'> = {}): WorkerCase[] {
  return [
    ...jobCases,
    ...contractCases,
    ...vectorCases(),
    ...heldCases,
    ...livingCases,
    ...markedCases,
    ...(msgpack ? packedCases() : []),
    ...manyCases,
    ...troubleCases,
  ]
}

/** @throws where the worker cannot be started, Redis not be had, a rule has no case, or the run is given up. */
export async function runWorkerCases(run: WorkerRun): Promise<Report> {
  choose(workerCases(run), run)
  const server = run.redis === undefined ? await startPrivateRedis(run.redisServer) : undefined
  const replyMs = run.timeoutMs ?? REPLY_MS
  const stage = new WorkerStage({
    ...{ command: run.command, env: run.env ?? process.env, server, replyMs },
    ...{ url: run.redis ?? server?.url ?? '', startMs: Math.max(replyMs, START_MS) },
  })
  const signal = AbortSignal.any([stage.givenUp, ...(run.signal ? [run.signal] : [])])
  try {
    return await unlessGivenUp(tryAll(stage, run, signal), signal)
  } finally {
    await closeSoon(stage.close())
    await server?.stop()
  }
}

async function tryAll(stage: WorkerStage, run: WorkerRun, signal: AbortSignal): Promise<Report> {
  await stage.open()
  await stage.measure(run.timeoutMs === undefined)
  stage.level = run.level ?? (await levelOf(stage))
  stage.app = run.app === true || (await servesApp(stage))
  const limitMs = 3 * stage.options.replyMs
  const results = await runCases(workerCases(run), {
    ...{ stage, limitMs, width: WIDTH, only: run.only, except: run.except, signal },
    mend: async (broken) => {
      if (broken || stage.program.end !== undefined) await restart(stage)
    },
  })
  const { level } = stage
  const head = { subject: run.command.join(' '), side: 'worker' as const, level }
  return reportOf({ ...head, untried: untried(level, workerCases(run)) }, results)
}

async function servesApp(stage: WorkerStage): Promise<boolean> {
  const { kind, result } = await stage.ask({ url: '/json?name=x' })
  return kind === 'answer' && Array.isArray(result) && result[0] === 200 && hasName(result[2])
}

function hasName(body: unknown): boolean {
  const text = Buffer.isBuffer(body) ? body.toString() : body
  return typeof text === 'string' && /"name"\s*:\s*"x"/.test(text)
}
