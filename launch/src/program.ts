/**
 * The life of a program: it runs, is asked to end, drains, is gone. One place for signals, exit
 * codes and what is printed when it cannot go on, so that front.ts, worker.ts and start.ts only say
 * what they start and how they stop.
 */
import { reasonOf, TempestError } from '@tempest/protocol'
import { Refusal } from './refusal.js'
import { hasParent, sendReport } from './report.js'

export interface Program {
  /**
   * Starts everything; resolves when it is ready. A Refusal or TempestError is printed as one
   * sentence.
   * @param fail for later: something is lost without which there is no point in going on
   */
  start(fail: (sentence: string) => void): Promise<void>
  /**
   * Drains and ends everything that `start` has got to, also when `start` has not resolved or has
   * failed.
   */
  stop(): Promise<void>
  /** Ends it now, without a drain: somebody asked a second time. */
  kill?(): void
}

/**
 * npm passes signals on while the terminal sends them to all of us: what comes this soon is the
 * same request.
 */
const SAME_REQUEST_MS = 1000
const PARENT_LOOK_MS = 500

export function runProgram({ start, stop, kill }: Program): void {
  let askedAt: number | undefined
  const end = async (code: number): Promise<void> => {
    try {
      await stop()
    } catch (error) {
      console.error(error)
      code = 1
    }
    process.exit(code)
  }
  const ask = (): void => {
    if (askedAt === undefined) {
      askedAt = performance.now()
      void end(0)
    } else if (performance.now() - askedAt > SAME_REQUEST_MS) {
      kill?.()
      process.exit(1)
    }
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, ask)
  if (hasParent()) process.on('disconnect', ask)
  else if (process.env.npm_lifecycle_event !== undefined) watchNpm(ask)
  const fail = async (error: unknown): Promise<void> => {
    if (askedAt !== undefined) return // what was being started is being stopped
    askedAt = performance.now()
    await tell(error)
    await end(1)
  }
  start((sentence) => void fail(new Refusal(sentence))).catch(fail)
}

/** npm, or its shell, may be killed without a word to us; then we are somebody else's child. */
function watchNpm(gone: () => void): void {
  const parent = process.ppid
  const look = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(look)
    gone()
  }, PARENT_LOOK_MS)
  look.unref()
}

/** The parent prints it where there is one: it knows what the person has started. */
async function tell(error: unknown): Promise<void> {
  const expected = error instanceof Refusal || error instanceof TempestError
  if (expected && hasParent()) await sendReport({ refused: error.message })
  else console.error(expected ? error.message : error)
  if (!expected && hasParent()) await sendReport({ refused: reasonOf(error) })
}
