/**
 * A hub with all its subscribers: started, warmed up, joined.
 *
 * Every audience has a fresh hub, because memory once used stays with a process. What a subscriber takes is read against a hub
 * that was warmed up with few of them and has none.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Home } from './home.js'
import type { Hub, RunningHub } from './hub.js'
import { readResidentBytes } from './resident.js'
import { Subscribers } from './subscribers.js'

const PATH = '/sub/test'
const WARM_UP_STREAMS = 200
const WARM_UP_MS = 300
const SETTLE_MS = 200
const KIB = 1024

export interface Audience {
  hub: Hub
  running: RunningHub
  count: number
  subscribers: Subscribers
  kibPerSubscriber: number
  stop(): Promise<void>
}

/** @param burst how many events are published at once to warm up */
export async function openAudience(
  home: Home,
  program: string,
  hub: Hub,
  count: number,
  burst: number,
): Promise<Audience> {
  const running = await hub.start(home)
  const { port, publications } = running
  const few = await Subscribers.open(home, program, { port, path: PATH, count: WARM_UP_STREAMS })
  for (const publication of publications) {
    await few.publishBy(publication)
    await few.join()
    await few.run(1, WARM_UP_MS)
    await few.run(burst, WARM_UP_MS)
  }
  await few.stop()
  const without = await readSettled(running)

  const subscribers = await Subscribers.open(home, program, { port, path: PATH, count })
  for (const publication of publications) {
    await subscribers.publishBy(publication)
    await subscribers.join()
  }
  const kibPerSubscriber = ((await readSettled(running)) - without) / count / KIB
  const stop = async (): Promise<void> => {
    await subscribers.stop()
    await running.stop()
  }
  return { hub, running, count, subscribers, kibPerSubscriber, stop }
}

async function readSettled(running: RunningHub): Promise<number> {
  await sleep(SETTLE_MS)
  await running.settle()
  return readResidentBytes(running.holders())
}
