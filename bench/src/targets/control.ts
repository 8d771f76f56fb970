/**
 * The side of a child that listens to the bench: says when it is ready, answers questions, ends with the bench.
 *
 * Every target can be asked for its memory after a garbage collection and be profiled; a target adds its own answers.
 * None of this runs while a cell is measured, except the profiler where it was asked for.
 */

import { writeFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { setTimeout as sleep } from 'node:timers/promises'

type Answer = (argument: unknown) => unknown

const SAMPLE_EVERY_US = 250

/** @param stop ends the target; the process exits when it has resolved. */
export function listenToBench(stop: () => unknown, own: Record<string, Answer> = {}): void {
  const answers = new Map<string, Answer>(Object.entries({ memory, profile, save, ...own }))
  process.on('message', (message) => void reply(answers, message))
  process.on('disconnect', () => process.exit())
  process.once('SIGTERM', () => void Promise.resolve(stop()).finally(() => process.exit()))
}

export function tellReady(port: number): void {
  process.send?.({ ready: port })
}

async function reply(answers: Map<string, Answer>, message: unknown): Promise<void> {
  if (typeof message !== 'object' || message === null || !('id' in message)) return
  const { id } = message
  const question = 'question' in message ? String(message.question) : ''
  try {
    const answer = answers.get(question)
    if (answer === undefined) throw new Error(`no answer to "${question}"`)
    process.send?.({
      id,
      answer: (await answer('argument' in message ? message.argument : null)) ?? null,
    })
  } catch (error) {
    process.send?.({ id, error: String(error) })
  }
}

/** Memory after collections; the second also frees what finalizers of the first let go. */
async function memory(): Promise<NodeJS.MemoryUsage> {
  for (let pass = 0; pass < 3; pass++) {
    globalThis.gc?.()
    await sleep(50)
  }
  return process.memoryUsage()
}

let session: Session | undefined

/** Starts the profiler, as --cpu-prof would, but for the measured cell only. */
async function profile(): Promise<void> {
  session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_EVERY_US })
  await session.post('Profiler.start')
}

async function save(file: unknown): Promise<void> {
  if (session === undefined || typeof file !== 'string') throw new Error('profile first')
  const { profile: taken } = await session.post('Profiler.stop')
  session.disconnect()
  writeFileSync(file, JSON.stringify(taken))
}
