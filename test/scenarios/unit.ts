/** A front or a worker in a process of its own, that a scenario may kill, stop or replace. */
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { elementsOf, fieldsOf } from '../helpers/json'
import { type Journal, type Note, readJournal } from '../helpers/journal'
import { type Program, type ProgramOptions, startProgram } from '../helpers/programs/start'

export type Role = 'front' | 'worker' | 'plain'

export interface UnitOptions extends ProgramOptions {
  redis: string
  /** Of a front. @defaultValue 'q0' */
  queue?: string
  /** Of a worker. @defaultValue ['q0'] */
  queues?: readonly string[]
  /** Of createFront or createWorker. */
  options?: Record<string, unknown>
  /** Of front.work. */
  work?: Record<string, unknown>
}

export interface Unit {
  readonly role: Role
  readonly program: Program
  /** '' of a plain worker, and of one that died before it told. */
  readonly boot: string
  /** Of a worker. */
  readonly queues: readonly string[]
  /** Of a front; else 0. */
  readonly port: number
  /** What its handlers did, as far as it was read. */
  readonly notes: Note[]
  /** By `performance.now()`. */
  killedAt: number | undefined
  /** Reads on. @returns what is new. */
  read(): Note[]
  stats(): Promise<Record<string, unknown>>
  /** A number among its stats. */
  count(name: string): Promise<number>
}

let units = 0

/** @param folder where its journal is kept. */
export async function startUnit(role: Role, folder: string, given: UnitOptions): Promise<Unit> {
  const { redis, queue = 'q0', queues = ['q0'], options = {}, work = {}, ...how } = given
  const path = join(folder, `${role}-${units++}`)
  const configs = {
    front: [{ queue, redis, redisWaitMs: 25_000, ...options, work }],
    worker: [{ queues, redis, concurrency: 16, journal: path, ...options }],
    plain: { queues, redis, journal: path },
  }
  const program = await startProgram(role, configs[role], how)
  const stats = async (): Promise<Record<string, unknown>> =>
    fieldsOf(elementsOf(await program.ask('stats'))[0])
  const first = await firstStats(program, role, stats)
  const journal: Journal = role === 'front' ? { news: () => [] } : readJournal(path)
  const notes: Note[] = []
  return {
    role,
    program,
    queues,
    boot: typeof first.boot === 'string' ? first.boot : '',
    port: role === 'front' ? Number(elementsOf(await program.ask('ports'))[0]) : 0,
    notes,
    killedAt: undefined,
    read() {
      const news = journal.news()
      notes.push(...news)
      return news
    },
    stats,
    async count(name) {
      return Number((await stats())[name])
    },
  }
}

/** Of a worker that was killed by its first job nothing is known but that it was there. */
async function firstStats(
  program: Program,
  role: Role,
  stats: () => Promise<Record<string, unknown>>,
): Promise<Record<string, unknown>> {
  try {
    if (role !== 'front') await program.ask('started')
    return await stats()
  } catch (error) {
    const how = await Promise.race([program.ended, pause(1000, '')])
    if (how === 'SIGKILL') return {}
    throw error
  }
}

/** What is not done in a front or a worker that nobody asks anything. */
export async function unfinishedOf(unit: Unit): Promise<string[]> {
  const fields = {
    front: ['inFlight', 'heldChars', 'heldBytes'],
    worker: ['running', 'waiting', 'held', 'unconfirmed', 'undeliverable'],
    plain: [],
  }
  const stats = await unit.stats()
  return fields[unit.role]
    .filter((name) => stats[name] !== 0)
    .map((name) => `${unit.role} ${unit.boot}: ${name} ${String(stats[name])}`)
}
