/** Any worker: many jobs, the lists of other priorities, and what its calls of Redis look like. */
import { check, checkEqual, Skip } from '../../case.js'
import { all, from, needsPrivate, type WorkerCase } from '../levels.js'
import { watch } from '../watch.js'
import { inOrder } from './order.js'

const MANY = 1000
const FEWEST = 100
const MANY_MS = 20_000
const LONG_BLOCK_S = 10

const blocking: Record<string, (words: string[]) => string | undefined> = {
  blpop: (words) => words.at(-1),
  brpop: (words) => words.at(-1),
  blmove: (words) => words.at(-1),
  brpoplpush: (words) => words.at(-1),
  blmpop: (words) => words[1],
}

function priority(list: 'high' | 'low'): WorkerCase {
  return {
    rule: 'P-51',
    title: `Jobs in the list of ${list} priority are taken, when the bell is rung`,
    async run(stage) {
      const key = `{${stage.queue}}:${list}`
      const { id, text } = stage.job({})
      await stage.redis.rpush(key, text)
      await stage.redis.publish(`{${stage.queue}}:bell`, '')
      try {
        await stage.reply(id, Math.min(stage.options.replyMs, 3500))
      } catch (error) {
        const left = await stage.redis.lrem(key, 1, text)
        if (left === 1 && stage.level !== 'full')
          throw new Skip(`the worker does not take from ${key}`)
        if (left === 1) throw error
        // It was taken, late: behind the others, by a worker that is slow.
        await stage.reply(id)
      }
    },
  }
}

export const manyCases: WorkerCase[] = [
  priority('high'),
  priority('low'),
  inOrder,
  {
    rule: 'P-32',
    title: `Many jobs at once are each answered exactly once: ${MANY}, fewer of a slow worker`,
    alone: true,
    limitMs: 60_000,
    async run(stage) {
      const count = Math.max(FEWEST, Math.min(MANY, Math.round(MANY_MS / stage.paceMs)))
      const jobs = Array.from({ length: count }, () => stage.job({}))
      for (let i = 0; i < jobs.length; i += 250)
        await stage.pushRaw(...jobs.slice(i, i + 250).map(({ text }) => text))
      for (const { id } of jobs) await stage.reply(id, 50_000)
      await stage.pass()
      const twice = jobs.filter(({ id }) => stage.inbox.of(id).length !== 1)
      checkEqual(twice.length, 0, 'jobs that were answered more than once')
    },
  },
  {
    rule: 'P-70',
    title: 'No call blocks for ever, or for longer than a few seconds',
    alone: true,
    skip: needsPrivate,
    async run(stage) {
      const seen = await watch(stage, () => stage.pass())
      const waits = seen.flatMap((words) => {
        const wait = blocking[words[0]?.toLowerCase() ?? '']?.(words)
        return wait !== undefined && words.includes(stage.queue) ? [Number(wait)] : []
      })
      const bad = waits.find((s) => !(s > 0 && s <= LONG_BLOCK_S))
      check(bad === undefined, `a time of 1 to ${LONG_BLOCK_S} s in each blocking call`, bad)
    },
  },
  {
    rule: 'P-73',
    title: 'A finished job is removed after its reply, by its bytes',
    alone: true,
    skip: all(from('safe'), needsPrivate),
    async run(stage) {
      const { id, text } = stage.job({})
      const held = `{${stage.queue}}:held:`
      const seen = await watch(stage, async () => {
        await stage.pushRaw(text)
        await stage.reply(id)
        await stage.pass()
      })
      const at = (names: RegExp, key: string, what = ''): number =>
        seen.findIndex(([name = '', first = '', ...rest]) => {
          return (
            names.test(name) && first.startsWith(key) && rest.some((word) => word.includes(what))
          )
        })
      const replied = at(/^rpush$/i, stage.mailbox, id)
      const removed = at(/^lrem$/i, held, id)
      const popped = at(/^[lr]pop$/i, held)
      // Full ones know what stands at its head, and may take off several at once.
      check(popped < 0 || stage.level === 'full', 'no LPOP of the held list', seen[popped])
      if (removed < 0) return
      check(replied >= 0 && replied < removed, 'RPUSH before LREM', seen[removed])
      check(seen[removed]?.at(-1) === text, 'LREM with the bytes as popped', seen[removed])
    },
  },
]
