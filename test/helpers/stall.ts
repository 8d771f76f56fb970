/** How long, in ms, this process had no core although it wanted one, or was busy: what a busy machine costs a deadline. */
export interface StallMeter {
  readonly stalledMs: number
  stop(): void
}

const TICK_MS = 50
/** What a timer may be late on a machine that is free. */
const LATE_MS = 10

export function startStallMeter(): StallMeter {
  let stalledMs = 0
  let tickedAt = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    stalledMs += Math.max(now - tickedAt - TICK_MS - LATE_MS, 0)
    tickedAt = now
  }, TICK_MS)
  return {
    get stalledMs() {
      return stalledMs
    },
    stop: () => clearInterval(timer),
  }
}
