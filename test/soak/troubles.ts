/** What a soak does to its fleet: each goes on until its time is over, and leaves the fleet as large as it was. */
import { setTimeout as pause } from 'node:timers/promises'
import { cutAtRandom } from '../helpers/cut'
import type { Fleet } from '../scenarios/fleet'
import type { Unit } from '../scenarios/unit'
import type { Tally } from './tally'

interface Scene {
  fleet: Fleet
  tally: Tally
  /** By `performance.now()`. */
  endAt: number
  /** They live through all of it: their memory is measured. */
  spared: ReadonlySet<Unit>
  /** A front whose queue the spared worker does not serve. */
  risky: Unit
}

export type Trouble = (scene: Scene) => Promise<void>

const KILL_MS = 300

/** kill -9 of a worker every 300 ms. */
export const killWorkers: Trouble = async ({ fleet, tally, endAt, spared }) => {
  const starts: Promise<unknown>[] = []
  while (performance.now() < endAt) {
    const next = pause(KILL_MS)
    const victim = fleet.living('worker').find((unit) => !spared.has(unit))
    if (victim) {
      await fleet.kill(victim)
      tally.count('workers killed')
      starts.push(fleet.start('worker', { queues: victim.queues }))
    }
    await next
  }
  await Promise.all(starts)
}

/** SIGSTOP of a worker, often for longer than its patience. */
export const pauseWorkers: Trouble = async ({ fleet, tally, endAt, spared }) => {
  while (performance.now() < endAt) {
    const unit = pick(fleet.living('worker').filter((each) => !spared.has(each)))
    if (!unit) return
    await fleet.pause(unit, 500 + Math.random() * 5000)
    tally.count('workers paused')
    await pause(Math.random() * 1000)
  }
}

/** kill -9 of a front every two seconds or so. */
export const killFronts: Trouble = async ({ fleet, tally, endAt, spared }) => {
  while (performance.now() < endAt) {
    const next = pause(1000 + Math.random() * 2000)
    const victim = pick(fleet.living('front').filter((each) => !spared.has(each)))
    await fleet.start('front')
    if (victim) {
      await fleet.kill(victim)
      tally.count('fronts killed')
    }
    await next
  }
}

/** Clients that leave, at any moment of their request. */
export const leaveEarly: Trouble = async ({ fleet, tally, endAt }) => {
  while (performance.now() < endAt) {
    for (let i = 0; i < 5; i++) {
      const query = Math.random() < 0.5 ? 'do=mind&ms=3000' : `ms=${i * 20}`
      const asking = fleet.load.ask({ query, method: i % 2 ? 'GET' : 'POST' })
      setTimeout(() => asking.leave(), Math.random() * 200)
      tally.count('clients left')
    }
    await pause(100)
  }
}

/** Requests that kill who runs them. */
export const poison: Trouble = async ({ fleet, tally, endAt, risky }) => {
  while (performance.now() < endAt) {
    const expected = ['502 WORKER_LOST']
    fleet.load.ask({ query: 'do=kill', port: risky.port, maxAttempts: 3, expected })
    tally.count('poisonous requests')
    await pause(5000)
  }
}

/** Redis stands still, once for longer than any link waits. */
export const stallRedis: Trouble = async ({ fleet, tally, endAt }) => {
  for (const ms of [5000, 300, 1000]) {
    if (performance.now() + ms > endAt) continue
    fleet.redis.freeze()
    await pause(ms)
    fleet.redis.thaw()
    tally.count('stalls of Redis')
    await pause(1500)
  }
}

/** CLIENT KILL of one connection after the other. */
export const cutConnections: Trouble = async ({ fleet, tally, endAt }) => {
  const cutter = cutAtRandom(fleet.redis, [])
  await pause(Math.max(endAt - performance.now(), 0))
  await cutter.stop()
  tally.count('connections cut', cutter.cuts)
}

/** kill -9 of Redis, which comes back with what its append-only file has. */
export const restartRedis: Trouble = async ({ fleet, tally, endAt }) => {
  while (performance.now() + 2000 < endAt) {
    await fleet.redis.kill()
    await pause(Math.random() * 1000)
    await fleet.redis.start()
    tally.count('restarts of Redis')
    await pause(5000)
  }
}

function pick<T>(all: readonly T[]): T | undefined {
  return all[Math.floor(Math.random() * all.length)]
}
