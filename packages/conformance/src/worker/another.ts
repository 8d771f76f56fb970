/** One more worker, on a queue of its own, which is ended with its case; and the job that one has in hand. */
import { setTimeout as pause } from 'node:timers/promises'
import { check } from '../case.js'
import { until } from '../wait.js'
import { hex } from './job.js'
import type { Program } from './program.js'
import type { WorkerStage } from './stage.js'

const LOOKS_MS = 100
const ON_ITS_WAY_MS = 1000

/** A worker of its own on a queue of its own, which is ended with the case. */
export async function withWorker(
  stage: WorkerStage,
  use: (queue: string, program: Program) => Promise<void>,
): Promise<void> {
  const queue = `conformance-${hex(4)}`
  const program = stage.launch(queue)
  try {
    const id = await pushTo(stage, queue, '/')
    await stage.reply(id, stage.options.startMs)
    await stage.worker(queue)
    await use(queue, program)
  } finally {
    await program.kill()
    await stage.bury(queue)
  }
}

export async function pushTo(stage: WorkerStage, queue: string, url: string): Promise<string> {
  const { id, text } = stage.job({ url }, { meta: { retry: false } })
  await stage.redis.rpush(queue, text)
  return id
}

export const inHeld = 'the job in {q}:held:<boot> while it runs'

/** @returns undefined where it was answered before it was looked for: who stands still for a moment has to ask for something longer */
export async function holds(
  stage: WorkerStage,
  id: string,
  queue?: string,
): Promise<{ boot: string; text: string } | undefined> {
  const answered = (): boolean => stage.inbox.of(id).length > 0
  const look = async (): Promise<{ boot: string; text: string } | undefined> => {
    return (await stage.held(queue)).find(({ text }) => text.includes(id))
  }
  const found = await until(inHeld, stage.options.replyMs, async () => {
    return (await look()) ?? (answered() ? null : undefined)
  })
  if (found === null) return undefined
  // Looked at twice: it may have been there for no longer than between two commands.
  await pause(LOOKS_MS)
  const stays = (await look()) !== undefined
  // Its reply was pushed before that, and may be on its way to us.
  if (!stays && !answered()) await stage.inbox.next(id, ON_ITS_WAY_MS)
  check(stays || answered(), inHeld, 'it was there, and is not any more')
  return found
}
