/** Reads what programs/journal.mjs writes: what a worker did, exact to the line also where it was killed. */
import { closeSync, openSync, readSync } from 'node:fs'

export interface Note {
  what: 'begun' | 'ended' | 'threw' | 'signal'
  /** Of the request; NaN for a job that has a name instead. */
  n: number
  name: string
  attempt: number
  queue: string
  /** As `performance.now()` of this process. */
  at: number
}

export interface Journal {
  /** What was written since it was asked the last time. */
  news(): Note[]
}

const CHUNK_BYTES = 64 * 1024
/** The programs write the machine's monotonic clock; this process' own begins when it does. */
const begun = Number(process.hrtime.bigint() / 1000n) / 1000 - performance.now()

export function readJournal(path: string): Journal {
  let read = 0
  let rest = ''
  return {
    news() {
      const file = openSync(path, 'r')
      const chunk = Buffer.alloc(CHUNK_BYTES)
      for (;;) {
        const bytes = readSync(file, chunk, 0, CHUNK_BYTES, read)
        if (bytes === 0) break
        read += bytes
        rest += chunk.toString('latin1', 0, bytes)
      }
      closeSync(file)
      const lines = rest.split('\n')
      rest = lines.pop() ?? ''
      return lines.map(toNote)
    },
  }
}

function toNote(line: string): Note {
  const [what = '', name = '', attempt, queue = '', at] = line.split(' ')
  if (what !== 'begun' && what !== 'ended' && what !== 'threw' && what !== 'signal') {
    throw new Error(`no line of a journal: ${line}`)
  }
  return {
    what,
    n: Number(name),
    name,
    attempt: Number(attempt),
    queue,
    at: Number(at) - begun,
  }
}
