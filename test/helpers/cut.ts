/** Cuts connections of others at random moments, as a network would: CLIENT KILL, one at a time. */
import { setTimeout as pause } from 'node:timers/promises'
import type { TestRedis } from './redis'
import { clientsOf } from './watch'

export interface Cutter {
  /** How many connections it has cut. */
  readonly cuts: number
  /** Ends the cutting; call it in `finally`. */
  stop(): Promise<void>
}

/** @param spared connections it leaves alone, by the ids that CLIENT ID tells */
export function cutAtRandom(redis: TestRedis, spared: readonly number[]): Cutter {
  let on = true
  let cuts = 0
  const work = async (): Promise<void> => {
    while (on) {
      // Between two cuts of one connection there is time to come back, most of the time.
      await pause(5 + Math.random() * 40)
      const clients = (await clientsOf(redis)).filter(({ id }) => !spared.includes(Number(id)))
      const victim = clients[Math.floor(Math.random() * clients.length)]
      if (!victim) continue
      if ((await redis.cli('CLIENT', 'KILL', 'ID', victim.id)) === 1) cuts++
    }
  }
  const ended = work()
  return {
    get cuts() {
      return cuts
    },
    stop: () => {
      on = false
      return ended
    },
  }
}
