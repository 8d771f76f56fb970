/**
 * Does a request cost more while 100,000 jobs wait? Each cell is measured with no job waiting and with all of them, in turn.
 *
 * `behind`: they wait in the low list of the same queue. So that the worker never comes to them its handlers take a few
 * milliseconds and it has fewer slots than there are clients: the normal list is never empty. `beside`: they wait in another
 * queue of the same Redis, which nobody pops, and the worker runs at full speed.
 */

import { createNode, keys, type Priority } from '@tempest/protocol'
import { checkAnswer } from './answer.js'
import { measureCell, warnIfVoid } from './cell.js'
import type { Home } from './home.js'
import type { LoadGenerator } from './load.js'
import { RedisReader } from './redis.js'
import type { Sample } from './sample.js'
import { startTempest, type TempestOptions } from './target.js'

const CONNECTIONS = 64
const PUSHED_AT_ONCE = 5000

interface Scenario {
  name: string
  tempest: TempestOptions
  queue: string
  priority: Priority
  /** Until the front's code is compiled, which takes some ten thousand requests. */
  warmUpSeconds: number
}

const scenarios: Scenario[] = [
  {
    name: 'jobs waiting behind, same queue',
    tempest: { workers: 1, concurrency: 16, delayMs: 4, held: 'waiting' },
    queue: 'tempest',
    priority: 'low',
    warmUpSeconds: 12,
  },
  {
    name: 'jobs waiting beside, other queue',
    tempest: { workers: 1, concurrency: 64 },
    queue: 'beside',
    priority: 'normal',
    warmUpSeconds: 3,
  },
]

export async function measureBacklog(
  home: Home,
  generator: LoadGenerator,
  plan: { rounds: number; seconds: number; jobs: number },
): Promise<Sample[]> {
  const samples: Sample[] = []
  for (const scenario of scenarios) {
    const running = await startTempest(home, scenario.tempest)
    await checkAnswer(scenario.name, running.url)
    const redis = new RedisReader(home, running.redis.url)
    const list = keys.queue(scenario.queue, scenario.priority)
    await generator.run(running.url, CONNECTIONS, scenario.warmUpSeconds)
    for (let round = 1; round <= plan.rounds; round++) {
      // Who comes first changes, so that no side always gets the warmer process.
      const states =
        round % 2 === 1 ? (['without', 'with'] as const) : (['with', 'without'] as const)
      for (const state of states) {
        await redis.delete(list)
        if (state === 'with') await pushJobs(running.redis.url, scenario, plan.jobs)
        const cell = await measureCell(running, generator, CONNECTIONS, plan.seconds)
        const left = await redis.length(list)
        if (state === 'with' && left < plan.jobs * 0.9) {
          cell.errors.push(`only ${left} of ${plan.jobs} jobs still waited at the end`)
        }
        warnIfVoid(cell, `${scenario.name}, ${state}, round ${round}`)
        samples.push({ scenario: scenario.name, state, round, cell })
      }
    }
    await redis.close()
    await running.stop()
  }
  return samples
}

async function pushJobs(redis: string, scenario: Scenario, count: number): Promise<void> {
  const node = createNode({ redis })
  const { queue, priority } = scenario
  for (let pushed = 0; pushed < count; pushed += PUSHED_AT_ONCE) {
    const batch = Math.min(PUSHED_AT_ONCE, count - pushed)
    await Promise.all(
      Array.from({ length: batch }, () => node.push(queue, 'rest', [], { priority })),
    )
  }
  await node.stop()
}
