/**
 * What does a request held open cost: in memory, beside bare node:http holding the same, and in the CPU of the others?
 *
 * Each round starts every server afresh, because memory once used stays with a process. The cells without held requests
 * come before and after the one with them. `waiting`: nobody pops the held requests' queue. `running`: the worker
 * that answers the others has all of them in its hands.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { checkAnswer } from './answer.js'
import { measureCell, warnIfVoid } from './cell.js'
import { startChild, type Child } from './child.js'
import type { Home } from './home.js'
import type { LoadGenerator } from './load.js'
import { readMemory } from './memory.js'
import type { Sample } from './sample.js'
import { startNode, startTempest, type Running } from './target.js'

const CONNECTIONS = 64
const SETTLE_MS = 1500

export interface HeldMemory {
  scenario: string
  round: number
  /** Bytes per held request, in the process that holds the client's connection. */
  rss: number
  live: number
}

interface Scenario {
  name: string
  start(home: Home): Promise<Running>
}

const tempest = { workers: 1, concurrency: 64 }

export const heldScenarios: [Scenario, Scenario, Scenario] = [
  { name: 'held by bare node:http', start: (home) => startNode(home, 'bare', 'held') },
  { name: 'held, waiting', start: (home) => startTempest(home, { ...tempest, held: 'waiting' }) },
  { name: 'held, running', start: (home) => startTempest(home, { ...tempest, held: 'running' }) },
]

interface Plan {
  rounds: number
  seconds: number
  held: number
}

export async function measureHeld(
  home: Home,
  generator: LoadGenerator,
  plan: Plan,
): Promise<{ samples: Sample[]; memories: HeldMemory[] }> {
  const samples: Sample[] = []
  const memories: HeldMemory[] = []
  for (let round = 1; round <= plan.rounds; round++) {
    for (const { name, start } of heldScenarios) {
      const running = await start(home)
      const holder = await startChild(home, 'holder', 'holder')
      await checkAnswer(name, running.url)
      // Memory first: pages that a busy process already has would hide what the held requests need.
      memories.push({ scenario: name, round, ...(await holdAll(running, holder, plan.held)) })
      await release(holder)
      await generator.run(running.url, CONNECTIONS, 2)
      const measure = async (state: Sample['state']): Promise<void> => {
        // Collecting garbage by hand shrinks heaps; all cells begin after that, and with warm code again.
        await readMemory(serverOf(running))
        await generator.run(running.url, CONNECTIONS, 1)
        const cell = await measureCell(running, generator, CONNECTIONS, plan.seconds)
        const lost = await holder.askNumber('lost')
        if (lost > 0) cell.errors.push(`${lost} held requests were lost`)
        warnIfVoid(cell, `${name}, ${state}, round ${round}`)
        samples.push({ scenario: name, state, round, cell })
      }
      await measure('without')
      await holdAll(running, holder, plan.held)
      await measure('with')
      await release(holder)
      await measure('without')
      await holder.stop()
      await running.stop()
    }
  }
  return { samples, memories }
}

async function holdAll(
  running: Running,
  holder: Child,
  count: number,
): Promise<{ rss: number; live: number }> {
  const server = serverOf(running)
  await sleep(SETTLE_MS)
  const earlier = await server.askNumber('held')
  const before = await readMemory(server)
  await holder.ask('hold', { url: running.url, count })
  await sleep(SETTLE_MS)
  const open = (await server.askNumber('held')) - earlier
  if (open !== count) throw new Error(`${open} of ${count} requests are held`)
  const after = await readMemory(server)
  return { rss: (after.rss - before.rss) / count, live: (after.live - before.live) / count }
}

async function release(holder: Child): Promise<void> {
  await holder.ask('release')
  await sleep(SETTLE_MS)
}

/** The process that holds the clients' connections comes first in every target. */
function serverOf(running: Running): Child {
  const [server] = running.children
  if (server === undefined) throw new Error('a target without a Node process')
  return server
}
