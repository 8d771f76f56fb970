// What a worker does, line by line, in a file: it is written before the worker goes on, so that a kill -9 loses none of it.
// `<what> <number of the request> <attempt> <queue> <ms of the machine's monotonic clock>`
import { openSync, writeSync } from 'node:fs'

/** @param {string | undefined} path undefined: nothing is written. */
export function openJournal(path) {
  const file = path === undefined ? undefined : openSync(path, 'a')
  return {
    /** @param {'begun' | 'ended' | 'threw' | 'signal'} what */
    note(what, n, attempt, queue) {
      if (file === undefined) return
      const ms = Number(process.hrtime.bigint() / 1000n) / 1000
      writeSync(file, `${what} ${n} ${attempt} ${queue} ${ms}\n`)
    },
  }
}
