// How a scenario speaks with its programs: one message `{ ask, …}` in, one `{ reply }` or `{ failed }` out, in order.
// SIGTERM calls `stop`; then nothing of the program may be left that keeps it from ending by itself. Its last word is `runs`.
import { performance } from 'node:perf_hooks'

/** As in ../stall.ts. */
let stalledMs = 0
const TICK_MS = 50
let tickedAt = performance.now()
const beat = () => {
  stalledMs += Math.max(performance.now() - tickedAt - TICK_MS - 10, 0)
  tickedAt = performance.now()
  setTimeout(beat, TICK_MS).unref()
}
beat()

/** What could leak: warnings are where an emitter has too many listeners. Memory is read after a full collection where there is `gc`. */
let warnings = 0
process.on('warning', ({ name }) => (warnings += name === 'MaxListenersExceededWarning' ? 1 : 0))
export function resources() {
  globalThis.gc?.()
  const names = process.getActiveResourcesInfo()
  const count = (prefix) => names.filter((name) => name.startsWith(prefix)).length
  const { rss, heapUsed, external } = process.memoryUsage()
  return {
    sockets: count('TCP'),
    timers: count('Timeout'),
    warnings,
    rss,
    live: heapUsed + external,
  }
}

/** @param {{ answer: Record<string, (message: object) => unknown>, stop: () => Promise<void> }} program */
export function serve({ answer, stop }) {
  let tail = Promise.resolve()
  process.on('message', (message) => {
    tail = tail.then(async () => {
      try {
        const reply = message.ask === 'stalled' ? stalledMs : await answer[message.ask](message)
        process.send({ reply: reply ?? null })
      } catch (error) {
        process.send({ failed: String(error?.stack ?? error) })
      }
    })
  })
  process.once('SIGTERM', () => {
    stop().then(
      () => process.send({ last: answer.runs?.() ?? null }, () => process.disconnect()),
      (error) => {
        console.error(error)
        process.exit(1)
      },
    )
  })
  // Who started us is gone.
  process.once('disconnect', () => setTimeout(() => process.exit(3), 10_000).unref())
  process.send({ reply: 'ready' })
}

export const config = JSON.parse(process.env.TEMPEST_PROGRAM ?? '{}')

const level = process.env.TEMPEST_SCENARIO_LOG
const out = (name) => (fields, text) =>
  console.error(new Date().toISOString(), process.pid, name, text, JSON.stringify(fields))
const silent = () => undefined

/** Silent unless TEMPEST_SCENARIO_LOG names `debug` or `warn`. */
export const logger = {
  debug: level === 'debug' ? out('debug') : silent,
  info: level === 'debug' ? out('info') : silent,
  warn: level ? out('warn') : silent,
  // A handler that throws because it was told to is no news.
  error: (fields, text) => (text === 'a handler threw' ? silent : out('error'))(fields, text),
}
