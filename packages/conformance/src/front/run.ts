/** One run of the kit against a front. */
import type { Encoding } from '../encoding.js'
import { type Report, reportOf } from '../report.js'
import { closeSoon, unlessGivenUp } from '../giving-up.js'
import { untried } from '../rules.js'
import { choose, runCases } from '../run-cases.js'
import type { FrontCase } from './cases.js'
import { directCases } from './cases/direct.js'
import { endCases } from './cases/ends.js'
import { fenceCases } from './cases/fence.js'
import { jobCases } from './cases/job.js'
import { metaCases } from './cases/meta.js'
import { packedCases } from './cases/packed.js'
import { vectorCases } from './cases/replies.js'
import { slowerCases } from './cases/slower.js'
import { subCases } from './cases/sub.js'
import { FrontStage } from './stage.js'

export interface FrontRun {
  url: string
  /** The Redis that the front uses. */
  redis?: string | undefined
  /** @defaultValue 'tempest' */
  queue?: string | undefined
  /** Rules to try. @defaultValue all */
  only?: readonly string[] | undefined
  /** Rules not to try. */
  except?: readonly string[] | undefined
  /** For one job or response. @defaultValue 8000 */
  timeoutMs?: number | undefined
  /** Gives the run up: it rejects with the signal's reason. */
  signal?: AbortSignal | undefined
}

const REPLY_MS = 8000
const WIDTH = 16

export function frontCases(): FrontCase[] {
  return [
    ...jobCases,
    ...metaCases,
    ...vectorCases(),
    ...packedCases,
    ...fenceCases,
    ...endCases,
    ...slowerCases,
    ...directCases,
    ...subCases(),
  ]
}

/** @throws where the front or its Redis cannot be reached, its jobs do not come to that queue, a rule has no case, or the run is given up. */
export async function runFrontCases(run: FrontRun): Promise<Report> {
  choose(frontCases(), run)
  const replyMs = run.timeoutMs ?? REPLY_MS
  const queue = run.queue ?? 'tempest'
  const stage = new FrontStage({ url: run.url, redis: run.redis ?? '', queue, replyMs })
  const signal = run.signal ?? new AbortController().signal
  try {
    return await unlessGivenUp(tryAll(stage, run, signal), signal)
  } finally {
    await closeSoon(stage.close())
    stage.disconnect()
  }
}

async function tryAll(stage: FrontStage, run: FrontRun, signal: AbortSignal): Promise<Report> {
  await stage.open()
  const encoding = await probe(stage)
  const limitMs = 2 * stage.options.replyMs
  const cases = await runCases(frontCases(), {
    ...{ stage, limitMs, width: WIDTH, only: run.only, except: run.except, signal },
  })
  return reportOf(
    { subject: run.url, side: 'front', encoding, untried: untried('front', frontCases()) },
    cases,
  )
}

/** @returns the encoding of its jobs */
async function probe(stage: FrontStage): Promise<Encoding> {
  const path = stage.path()
  const exchange = stage.send(path)
  const { queue, url } = stage.options
  try {
    const failed = exchange.response.then(() => undefined)
    const job = await Promise.race([stage.job(path), failed])
    if (!job) throw new Error('it was answered without a job')
    if (job.respondTo !== '') await stage.reply(job, ['answer', job.id, [200, {}, '']])
    return job.encoding
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(
      `a request to ${url} makes no job in the queue ${queue}: ${reason}. Is it the right queue, and does no worker take from it?`,
      { cause: error },
    )
  } finally {
    exchange.leave()
  }
}
