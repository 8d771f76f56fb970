/**
 * The dead list of a queue: entries that could not be decoded, and jobs that used up their attempts. It is bounded: the oldest go.
 * All of it rejects with TempestError REDIS_AWAY where Redis is not there within `redisWaitMs`.
 */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Connections } from '../redis/connections.js'
import { decodeBytes, encodeBytes, type JsonBytes } from '../wire/bytes.js'
import { decodeJob } from '../wire/job.js'
import { checkQueueName, keys } from '../wire/keys.js'
import { listOf } from '../wire/list.js'
import { loadScript } from '../redis/script.js'
import type { Strike } from '../presence/settlement.js'

const requeueScript = loadScript(join(__dirname, '..', '..', 'lua', 'requeue.lua'))

const PAGE = 50
const KEY_CHARS = 12

export interface DeadJob {
  /** Names this entry for `requeue` and `drop`: a digest of its bytes. */
  key: string
  /** `MALFORMED`: it could not be decoded. `POISONED`: its workers died. Else the code of its last failure. */
  reason: string
  /** Redis' time in ms when it was given up; undefined for what could not be decoded. */
  at: number | undefined
  /** What stands against it, the oldest first. */
  history: Strike[]
  /** The job's id; undefined where it has none. */
  id: string | undefined
  action: string | undefined
  /** The job as it stood in its queue: text where it was JSON, its bytes in base64 where it was MessagePack. */
  job: JsonBytes
}

export class DeadList {
  readonly #queue: string
  readonly #connections: Connections

  /** @throws TypeError for a name that is none. */
  constructor(queue: string, connections: Connections) {
    this.#queue = checkQueueName(queue)
    this.#connections = connections
  }

  /** The newest first. @param limit how many at the most. */
  async list(limit = 100): Promise<DeadJob[]> {
    const jobs: DeadJob[] = []
    for await (const entry of this.#entries()) {
      if (jobs.length >= limit) break
      jobs.push(read(entry))
    }
    return jobs
  }

  /** One entry; undefined where there is none of this key. */
  async show(key: string): Promise<DeadJob | undefined> {
    const entry = await this.#find(key)
    return entry && read(entry)
  }

  /** Puts a job back to the end of its queue, with a clean record. @returns false where there is none of this key. */
  async requeue(key: string): Promise<boolean> {
    const entry = await this.#find(key)
    return entry !== undefined && this.#take(entry, jobOf(entry))
  }

  /** Removes an entry for good. @returns false where there is none of this key. */
  async drop(key: string): Promise<boolean> {
    const entry = await this.#find(key)
    return entry !== undefined && this.#take(entry)
  }

  async #take(entry: Buffer, job?: Buffer): Promise<boolean> {
    const lists = [keys.dead(this.#queue), keys.queue(this.#queue, 'normal')]
    const args = job === undefined ? [entry] : [entry, job]
    return (await this.#connections.commands.script(requeueScript, lists, args)) === 1
  }

  async #find(key: string): Promise<Buffer | undefined> {
    for await (const entry of this.#entries()) if (keyOf(entry) === key) return entry
    return undefined
  }

  async *#entries(): AsyncGenerator<Buffer> {
    await this.#connections.whenUp()
    for (let from = 0; ; from += PAGE) {
      const page = await this.#connections.commands.send('lrange', [
        keys.dead(this.#queue),
        from,
        from + PAGE - 1,
      ])
      const entries = listOf(page).filter((entry) => Buffer.isBuffer(entry))
      yield* entries
      if (entries.length < PAGE) return
    }
  }
}

function read(entry: Buffer): DeadJob {
  const grave = readGrave(entry)
  const job = jobOf(entry, grave)
  const decoded = decodeJob(job)
  const found = 'malformed' in decoded ? decoded.job : decoded
  return {
    key: keyOf(entry),
    reason: grave?.reason ?? 'MALFORMED',
    at: grave?.at,
    history: grave?.history ?? [],
    id: found?.id,
    action: found?.action || undefined,
    job: encodeBytes(job),
  }
}

/** The job of an entry, as it stood in its queue. */
function jobOf(entry: Buffer, grave = readGrave(entry)): Buffer {
  return grave?.job ?? entry
}

interface Grave {
  job: Buffer
  reason: string
  at: number
  history: Strike[]
}

const OPENING = '{"job":'

function readGrave(entry: Buffer): Grave | undefined {
  if (entry.toString('latin1', 0, OPENING.length) !== OPENING) return undefined
  try {
    const { job, reason, at, history } = JSON.parse(entry.toString('utf8')) as Record<
      string,
      unknown
    >
    const bytes = job === undefined ? undefined : decodeBytes(job)
    if (bytes === undefined || typeof reason !== 'string' || typeof at !== 'number') {
      return undefined
    }
    return { job: Buffer.from(bytes), reason, at, history: listOf(history) as Strike[] }
  } catch {
    return undefined
  }
}

function keyOf(entry: Buffer): string {
  return createHash('sha1').update(entry).digest('hex').slice(0, KEY_CHARS)
}
