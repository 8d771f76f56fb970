/**
 * Keeps a number of workers running: one that ends unasked is started again, after a pause that
 * grows while it goes on ending soon. The first start is different: a worker that cannot begin at
 * all is an error, not a reason to try again.
 */
import type { Child } from './child.js'

export interface Crew {
  /** Resolves when all have been ready once. @throws Refusal of the first that cannot. */
  ready: Promise<void>
  pids(): number[]
  /** Lets all drain at once; resolves when all are gone. */
  stop(): Promise<void>
  kill(): void
}

export interface CrewOptions {
  count: number
  start: () => Child
  /** Told when one ended and will be started again. */
  say: (line: string) => void
  /** @defaultValue 100 */
  firstPauseMs?: number
}

const PAUSE_MAX_MS = 10_000
/** Who lived this long begins with the first pause again. */
const SETTLED_MS = 10_000

export function keepCrew({ count, start, say, firstPauseMs = 100 }: CrewOptions): Crew {
  const members = new Set<Child>()
  const pauses = new Set<NodeJS.Timeout>()
  let stopping = false

  const hire = (pauseMs: number): Child => {
    const child = start()
    const since = performance.now()
    members.add(child)
    void child.ended.then((how) => {
      members.delete(child)
      if (stopping) return
      const nextMs = performance.now() - since > SETTLED_MS ? firstPauseMs : pauseMs
      say(`Worker ${child.pid} ended (${how}); another one starts in ${nextMs / 1000} s.`)
      const pause = setTimeout(() => {
        pauses.delete(pause)
        hire(Math.min(nextMs * 2, PAUSE_MAX_MS)).ready.catch(() => undefined) // it ends, which is said
      }, nextMs)
      pauses.add(pause)
    })
    return child
  }

  const first = Array.from({ length: count }, () => hire(firstPauseMs))
  const dismiss = (): Child[] => {
    stopping = true
    for (const pause of pauses) clearTimeout(pause)
    return [...members]
  }
  return {
    ready: Promise.all(first.map((child) => child.ready)).then(() => undefined),
    pids: () => [...members].map((child) => child.pid),
    async stop() {
      await Promise.all(dismiss().map((child) => child.stop()))
    },
    kill() {
      for (const child of dismiss()) child.kill()
    },
  }
}
