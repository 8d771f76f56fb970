/** Any worker: connections that break, a Redis that is full, or started again. Last of all, on a private Redis only. */
import { setTimeout as pause } from 'node:timers/promises'
import { Advice, Broken, check, Skip } from '../../case.js'
import { until } from '../../wait.js'
import { holds } from '../another.js'
import { all, from, needsApp, needsPrivate, type WorkerCase } from '../levels.js'
import type { WorkerStage } from '../stage.js'

const BACK_MS = 15_000

/** A safe worker must go on by itself; a simple one should, or its supervisor starts it again. */
async function goesOn(stage: WorkerStage, after: string): Promise<void> {
  try {
    await until(`an answer ${after}`, BACK_MS, async () => {
      const id = await stage.push({})
      return stage.reply(id, 1000).then(
        () => true,
        (error: unknown) => {
          if (stage.program.end !== undefined) throw error
          return false
        },
      )
    })
  } catch (error) {
    if (stage.level !== 'simple' || !(error instanceof Broken)) throw error
    throw new Advice(error.expected, error.came, 'else something has to start it again')
  }
}

async function cut(stage: WorkerStage): Promise<void> {
  const list = String(await stage.redis.call('CLIENT', 'LIST', 'TYPE', 'normal'))
  for (const line of list.split('\n')) {
    const id = /^id=(\d+)/.exec(line)?.[1]
    if (id === undefined || line.includes('name=tempest-conformance ')) continue
    await stage.redis.call('CLIENT', 'KILL', 'ID', id)
  }
}

/** How often Redis has refused RPUSH. */
async function refusals(stage: WorkerStage): Promise<number> {
  const [, line = ''] = /^cmdstat_rpush:(.*)$/m.exec(await stage.redis.info('commandstats')) ?? []
  const counts = [...line.matchAll(/(?:rejected|failed)_calls=(\d+)/g)]
  return counts.reduce((sum, [, count]) => sum + Number(count), 0)
}

/** Redis is full until the worker has met that with its reply. @returns false where the job had ended before */
async function meetsFullRedis(stage: WorkerStage, id: string, text: string): Promise<boolean> {
  const { redis, inbox, options } = stage
  const found = await holds(stage, id)
  if (!found) return false
  const { boot } = found
  const [, usual = '0'] = await redis.config('GET', 'maxmemory')
  const before = await refusals(stage)
  const held = `{${stage.queue}}:held:${boot}`
  try {
    const told = await redis.multi().config('SET', 'maxmemory', '1').lpos(held, text).exec()
    if (told?.[1]?.[1] === null) return false
    const end = performance.now() + options.replyMs
    // Some are never refused: they push by scripts, which may do that; or ask first.
    while (performance.now() < end && inbox.of(id).length === 0) {
      if ((await refusals(stage)) > before || !(await stage.isHeld(text))) break
      await pause(10)
    }
    return true
  } finally {
    await redis.config('SET', 'maxmemory', usual)
  }
}

/** Each time longer: the job has to run still when Redis is full. */
const RUNS_MS = [500, 2000, 6000]

export const troubleCases: WorkerCase[] = [
  {
    rule: 'P-72',
    title: 'A worker whose connections are cut connects anew and goes on',
    alone: true,
    skip: needsPrivate,
    limitMs: 2 * BACK_MS,
    async run(stage) {
      await stage.pass()
      await cut(stage)
      await goesOn(stage, 'after CLIENT KILL')
    },
  },
  {
    rule: 'P-72',
    title: 'After its connections were cut, what is left in its held list is run',
    alone: true,
    skip: all(from('safe'), needsPrivate),
    limitMs: 2 * BACK_MS,
    async run(stage) {
      const { boot } = await stage.worker()
      // As if BLMOVE had been carried out and its answer lost.
      const { id, text } = stage.job({})
      await stage.redis.rpush(`{${stage.queue}}:held:${boot}`, text)
      await cut(stage)
      await stage.reply(id, BACK_MS)
    },
  },
  {
    rule: 'P-74',
    title: 'A reply that Redis has no room for is sent later: its job is not removed without it',
    alone: true,
    skip: all(from('safe'), needsApp, needsPrivate),
    limitMs: 4 * BACK_MS,
    async run(stage) {
      for (const ms of RUNS_MS) {
        const { id, text } = stage.job({ url: `/slow?ms=${ms}` })
        await stage.pushRaw(text)
        if (!(await meetsFullRedis(stage, id, text))) continue
        const came = (): boolean => stage.inbox.of(id).length > 0
        await until('the reply, or the job gone', BACK_MS, async () => {
          return came() || !(await stage.isHeld(text))
        })
        await stage.pass()
        check(came(), 'the reply, when Redis has room again', 'none, and the job is gone')
        return
      }
      throw new Skip('each of its jobs ended before Redis was full')
    },
  },
  {
    rule: 'P-112',
    title: 'A worker goes on when Redis was started again, empty',
    alone: true,
    skip: needsPrivate,
    limitMs: 2 * BACK_MS,
    async run(stage) {
      await stage.options.server?.restart()
      await until('Redis again', BACK_MS, () =>
        stage
          .readServer()
          .then(() => true)
          .catch(() => false),
      )
      await goesOn(stage, 'after a restart of Redis')
      if (stage.level === 'simple') return
      const { boot } = await stage.worker()
      check(boot !== '', 'its record written again', boot)
    },
  },
  {
    rule: 'P-40',
    title: 'All that it pushed in the whole run was [verb, job_id, …] for a job that it was given',
    alone: true,
    async run(stage) {
      await stage.pass()
      const [stray] = stage.inbox.strays
      check(
        stray === undefined,
        'an array whose first element is a verb, its second an id',
        stray?.whole,
      )
    },
  },
]
