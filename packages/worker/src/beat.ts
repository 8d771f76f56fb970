/**
 * The beat of one worker for one queue, once a second: it is here, so much it has finished, and what was delayed and is due goes to its list.
 */
import { type Connections, Delay, keys, listOf } from '@tempest/protocol'
import { beatScript } from './scripts.js'

/** A worker that was silent for this long no longer counts for the fair share. */
const SILENT_MS = 5000
const BEAT_MS = 1000

/** How much of a queue's traffic may be tried again after deaths; see lua/beat.lua. */
export interface Budget {
  share: number
  floor: number
}

export class Beat {
  readonly #queue: string
  readonly #budget: Budget
  readonly #connections: Connections
  readonly #delay: Delay
  #finished = 0
  #due: NodeJS.Timeout | undefined
  #stopped = false

  constructor(queue: string, budget: Budget, connections: Connections) {
    this.#queue = queue
    this.#budget = budget
    this.#connections = connections
    this.#delay = new Delay(queue, connections)
  }

  finished(): void {
    this.#finished++
  }

  /**
   * @param registers who does reads its held list next. @returns how many workers of this queue live; 0 where this one was taken for dead.
   */
  async beat(registers: boolean): Promise<number> {
    const { commands, boot } = this.#connections
    const { share, floor } = this.#budget
    const finished = this.#finished
    this.#finished = 0
    const reply = await commands.script(
      beatScript,
      [keys.workers(this.#queue), keys.budget(this.#queue), keys.delayed(this.#queue)],
      [boot, SILENT_MS, finished, share, floor, registers ? 1 : 0],
    )
    const [workers, delayed, registered] = listOf(reply)
    if (delayed === 1) this.moveSoon(0)
    return registered === 1 ? Number(workers) : 0
  }

  /** Looks for delayed jobs in so many ms: when the next one is known to be due. The next beat looks anyway. */
  moveSoon(ms: number): void {
    if (this.#stopped || ms > BEAT_MS) return
    clearTimeout(this.#due)
    this.#due = setTimeout(() => {
      this.#delay.move().then(
        (next) => next !== undefined && this.moveSoon(next),
        () => undefined,
      )
    }, ms)
    this.#due.unref()
  }

  /** This worker is no longer here. */
  async leave(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#due)
    const { commands, boot } = this.#connections
    const workers = keys.workers(this.#queue)
    await commands.send('zrem', [workers, boot])
    // The last one to leave takes the budget along.
    if ((await commands.send('zcard', [workers])) === 0) {
      await commands.send('del', [keys.budget(this.#queue)])
    }
  }
}
