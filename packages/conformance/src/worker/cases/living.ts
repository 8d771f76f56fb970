/** Workers with a record: that they are found to live for as long as they do, from before their first pop, and not for longer. */
import { setTimeout as pause } from 'node:timers/promises'
import { advise, check, Skip } from '../../case.js'
import { until } from '../../wait.js'
import { pushTo, withWorker } from '../another.js'
import { from, needsPrivate, type WorkerCase } from '../levels.js'
import type { WorkerStage } from '../stage.js'
import { watch } from '../watch.js'
import { PATIENCE_MS } from './full.js'

const LONGEST_MS = 12_000
const ROUNDS = 4
const STEP_MS = 20
const WHOLE = 'HINCRBY of its beat and ZADD {q}:workers before the first pop'

const popping = /^b?(?:lpop|rpop|lmpop|lmove|rpoplpush)$/i

interface Beats {
  boot: string
  /** By Redis' clock. */
  atMs: number
  /** NaN where there is no counter. */
  count: number
}

/** The counter and the time of Redis, in one step: how fast this process looks plays no part. */
async function beatsOf({ redis }: WorkerStage, boot: string): Promise<Beats> {
  const told = (await redis.multi().hget('tempest:beats', boot).time().exec()) ?? []
  const [count, time] = told.map(([, value]) => value)
  const [s, us] = (Array.isArray(time) ? time : []).map(Number)
  const atMs = (s ?? NaN) * 1000 + (us ?? NaN) / 1000
  return { boot, atMs, count: typeof count === 'string' ? Number(count) : NaN }
}

/** @throws Skip of a worker that does not beat, or that nobody would wait for. */
function patienceOf({ client, patience = PATIENCE_MS }: Record<string, unknown>): number {
  if (client !== undefined) throw new Skip('it does not beat: its record names a client')
  const ms = Number(patience)
  if (!(ms > 0)) return PATIENCE_MS
  if (ms > LONGEST_MS) throw new Skip(`its patience is longer than ${LONGEST_MS} ms`)
  return ms
}

/** For as long as its patience, with a job in hand where it serves one that is slow. */
async function passPatience(stage: WorkerStage, since: Beats, patience: number): Promise<Beats> {
  if (stage.app) await stage.ask({ url: `/slow?ms=${patience}` })
  for (;;) {
    const now = await beatsOf(stage, since.boot)
    if (now.atMs - since.atMs >= patience) return now
    await pause(STEP_MS)
  }
}

/**
 * Two patiences one after the other have six beats, or one has four. A machine that stands still for a moment is no fault of the worker's: it
 * has several trials.
 */
async function beatsOften(stage: WorkerStage): Promise<void> {
  const { boot, record } = await stage.worker()
  const patience = patienceOf(record)
  const looks = [await beatsOf(stage, boot)]
  const said: string[] = []
  const least = (from: Beats, to: Beats): number =>
    Math.floor((3 * (to.atMs - from.atMs)) / patience)
  for (let round = 0; round < ROUNDS; round++) {
    const [last, before] = looks
    if (!last) return
    const now = await passPatience(stage, last, patience)
    looks.unshift(now)
    said.push(`${now.count - last.count} in ${Math.round(now.atMs - last.atMs)} ms`)
    if (now.count - last.count > least(last, now)) return
    if (before && now.count - before.count >= least(before, now)) return
  }
  check(false, `three beats in each ${patience} ms`, said.join(', '))
}

/** As P-102 has it: its counter does not change for its patience. One that was swept has none. */
async function isDead(stage: WorkerStage, boot: string, patience: number): Promise<boolean> {
  const killed = await beatsOf(stage, boot)
  let changed = killed
  for (;;) {
    const now = await beatsOf(stage, boot)
    if (Number.isNaN(now.count)) return true
    if (now.count !== changed.count) changed = now
    if (now.atMs - changed.atMs >= patience) return true
    if (now.atMs - killed.atMs >= 3 * patience) return false
    await pause(STEP_MS)
  }
}

export const livingCases: WorkerCase[] = [
  {
    rule: 'P-77',
    title: 'Its record, a beat and its registration are in Redis before it pops for the first time',
    alone: true,
    skip: needsPrivate,
    limitMs: 60_000,
    async run(stage) {
      const why = from('safe')(stage)
      // One that wrote its record too late was taken for a simple one.
      if (why !== undefined && (await stage.workersOf()).length === 0) throw new Skip(why)
      let queue = ''
      const begin = (): Promise<void> =>
        withWorker(stage, (its) => {
          queue = its
          return Promise.resolve()
        })
      const seen = await watch(
        stage,
        begin,
        ([name = '', key = '']) => popping.test(name) || /^tempest:|:workers$/.test(key),
      )
      const lists = [queue, `{${queue}}:high`, `{${queue}}:low`]
      const first = seen.findIndex(([name = '', ...words]) => {
        return popping.test(name) && words.some((word) => lists.includes(word))
      })
      if (first < 0) throw new Skip('no command that pops was seen')
      const before = (key: string, what: string): string[] | undefined =>
        seen.slice(0, first).find((words) => words[1] === key && words.join(' ').includes(what))
      const record = before('tempest:nodes', queue)
      check(record !== undefined, 'HSET of its record before the first pop', seen[first])
      if (record[3]?.includes('"client"') === true) return
      const [, , boot = ''] = record
      const others = [before('tempest:beats', boot), before(`{${queue}}:workers`, boot)]
      const whole = !others.includes(undefined)
      if (stage.level === 'full') check(whole, WHOLE, seen[first])
      else advise(whole, WHOLE, seen[first])
    },
  },
  {
    rule: 'P-101',
    title: 'It beats at least three times in its patience, also while a job runs',
    // A worker that takes one job at a time would be away for the others.
    alone: true,
    skip: from('safe'),
    limitMs: 90_000,
    run: beatsOften,
  },
  {
    rule: 'P-101',
    title: 'When it alone is killed, and nothing that it has started, it beats no more',
    skip: from('safe'),
    limitMs: 60_000,
    run: (stage) =>
      withWorker(stage, async (queue, program) => {
        const { boot, record } = await stage.worker(queue)
        const patience = patienceOf(record)
        const first = Math.max((await beatsOf(stage, boot)).count || 0, 1)
        // The process that goes on to beat may be another, which is only about to start.
        await until('beats that go on', stage.options.replyMs, async () => {
          return (await beatsOf(stage, boot)).count > first
        })
        await program.killFirst()
        const id = await pushTo(stage, queue, '/')
        const dead = await isDead(stage, boot, patience)
        if (stage.inbox.of(id).length > 0)
          throw new Skip('the command is not the worker itself: that works on when it is killed')
        const hint = 'a process that beats has to end with its worker: else what that held is lost'
        check(dead, `a counter that stands still for ${patience} ms`, 'it still grows', hint)
      }),
  },
]
