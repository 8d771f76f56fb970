/** What Redis carries out while something is done, as MONITOR tells it. On a private Redis only: it is told of everybody's commands. */
import { Redis } from 'ioredis'
import type { WorkerStage } from './stage.js'

/** The words of each command, in order, also of those that scripts carry out. @param keep of long runs: those that matter */
export async function watch(
  stage: WorkerStage,
  during: (seen: string[][]) => Promise<void>,
  keep: (words: readonly string[]) => boolean = () => true,
): Promise<string[][]> {
  const monitor = new Redis(stage.options.url, {
    monitor: true,
    retryStrategy: () => null,
    disconnectTimeout: 100,
  })
  monitor.on('error', () => undefined)
  const seen: string[][] = []
  monitor.on('monitor', (_time: unknown, words: string[]) => {
    if (keep(words)) seen.push(words)
  })
  try {
    await new Promise((resolve) => monitor.once('monitoring', resolve))
    await during(seen)
  } finally {
    monitor.disconnect()
  }
  return seen
}
