/** One more worker, on a queue of its own, which is ended with its case; and the job that one has in hand. */
import { setTimeout as pause } from 'node:timers/promises'
import { check } from '../case.js'
import { until } from '../wait.js'
import { hex } from './job.js'
import type { Program } from './program.js'
import type { WorkerStage } from './stage.js'

const LOOKS_MS = 100
/** The mailbox is read by one or two commands. */
const BEHIND = 3

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

interface Held {
  boot: string
  text: string
}

async function heldOf(stage: WorkerStage, id: string, queue?: string): Promise<Held | undefined> {
  return (await stage.held(queue)).find(({ text }) => text.includes(id))
}

const isAnswered = (stage: WorkerStage, id: string): boolean => stage.inbox.of(id).length > 0

/** @throws Broken where it is neither held nor answered. */
export async function checkHeld(stage: WorkerStage, id: string, queue?: string): Promise<void> {
  if ((await heldOf(stage, id, queue)) !== undefined) return
  // Its reply was pushed before it was removed: what Redis answers behind that finds it read.
  for (let i = 0; i < BEHIND; i++) await stage.redis.ping()
  check(isAnswered(stage, id), inHeld, 'it was there, and is not any more')
}

/** @returns undefined where it was answered before it was looked for: who stands still for a moment has to ask for something longer */
export async function holds(
  stage: WorkerStage,
  id: string,
  queue?: string,
): Promise<Held | undefined> {
  const found = await until(inHeld, stage.options.replyMs, async () => {
    return (await heldOf(stage, id, queue)) ?? (isAnswered(stage, id) ? null : undefined)
  })
  if (found === null) return undefined
  // Looked at twice: it may have been there for no longer than between two commands.
  await pause(LOOKS_MS)
  await checkHeld(stage, id, queue)
  return found
}
