/** Workers with a record: what that says, what they hold, and what they leave when they end or are killed. */
import { setTimeout as pause } from 'node:timers/promises'
import { advise, check, checkEqual } from '../../case.js'
import { until } from '../../wait.js'
import { checkHeld, holds, inHeld, pushTo, withWorker } from '../another.js'
import { all, from, needsApp, type WorkerCase } from '../levels.js'
import { hex } from '../job.js'
import { PATIENCE_MS } from './full.js'

/** Until a worker that has popped a job has begun it, also where it stands still for a moment: then it may not give it back. */
const BEGUN_MS = 1200
const SLOW_MS = 3000
const LOOKS_MS = 20

const safeCases: WorkerCase[] = [
  {
    rule: 'P-100',
    title: 'It has a record that names its queues, under a boot of 16 hexadecimal characters',
    async run(stage) {
      const { boot, record } = await stage.worker()
      check(/^[0-9a-f]{16}$/.test(boot), 'a boot of 16 hexadecimal characters', boot)
      const { patience = PATIENCE_MS } = record
      check(typeof patience === 'number' && patience > 0, 'patience in ms', patience)
    },
  },
  {
    rule: 'P-100',
    title: 'Its record is written again once a second, also when somebody has removed it',
    alone: true,
    async run(stage) {
      const { boot } = await stage.worker()
      await stage.redis.hdel('tempest:nodes', boot)
      await until('the record again within 5 s', 5000, async () => {
        return (await stage.redis.hexists('tempest:nodes', boot)) === 1
      })
    },
  },
  {
    rule: 'P-76',
    title: "It is registered in {q}:workers, with Redis' time in milliseconds",
    async run(stage) {
      const { boot } = await stage.worker()
      const score = await stage.redis.zscore(`{${stage.queue}}:workers`, boot)
      const hint = 'without it the others take its share of the jobs as well'
      if (stage.level === 'safe') advise(score !== null, 'its boot in {q}:workers', score, hint)
      const at = Number(score)
      const off = Math.abs(at - stage.now())
      check(off < 6000, "a score of Redis' time in ms, at most 5 s old", at)
    },
  },
  {
    rule: 'P-71',
    title: 'A job stands in its held list while it runs, and not when it was answered',
    skip: all(from('safe'), needsApp),
    async run(stage) {
      // Long enough to be seen from a machine that is busy.
      const { id, text } = stage.job({ url: '/slow?ms=2000' })
      await stage.pushRaw(text)
      const found = await holds(stage, id)
      checkEqual(found?.text, text, `${inHeld}, as it was pushed, byte for byte`)
      // One that stands still before it removes it too soon is seen later.
      const end = performance.now() + stage.options.replyMs
      while (stage.inbox.of(id).length === 0 && performance.now() < end) {
        await checkHeld(stage, id)
        await pause(LOOKS_MS)
      }
      await stage.reply(id)
      await until('the job removed after its reply', stage.options.replyMs, async () => {
        return !(await stage.isHeld(text))
      })
    },
  },
  {
    rule: 'P-74',
    title: 'A job that was refused, and one that nobody waits for, leave the held list as well',
    async run(stage) {
      const one = stage.job({}, { action: 'conformance-nobody' })
      const two = stage.job({}, { respondTo: null })
      await stage.pushRaw(one.text, two.text)
      await stage.reply(one.id)
      await until('both jobs removed', stage.options.replyMs, async () => {
        return !(await stage.isHeld(one.text)) && !(await stage.isHeld(two.text))
      })
    },
  },
  {
    rule: 'P-15',
    title: 'An entry that is no job leaves the held list, and is kept in {q}:dead as it was',
    alone: true,
    async run(stage) {
      const entry = `no job ${hex(4)}`
      await stage.pushRaw(entry)
      await stage.pass()
      await until('the entry out of the held list', stage.options.replyMs, async () => {
        return !(await stage.isHeld(entry))
      })
      const dead = await stage.redis.lrange(`{${stage.queue}}:dead`, 0, 0)
      advise(dead[0] === entry, 'the entry at the left of {q}:dead', dead)
    },
  },
  {
    rule: 'P-71',
    title: 'A worker that is killed leaves its job in its held list, and its record',
    skip: all(from('safe'), needsApp),
    run: (stage) =>
      withWorker(stage, async (queue, program) => {
        const id = await pushTo(stage, queue, '/slow?ms=30000')
        const found = await holds(stage, id, queue)
        check(found !== undefined, inHeld, 'it was answered')
        const { boot, text } = found
        await program.kill()
        const held = await stage.heldBy(boot, queue)
        check(held.includes(text), 'the job in the held list', held)
        checkEqual(await stage.redis.hexists('tempest:nodes', boot), 1, 'records')
      }),
    limitMs: 30_000,
  },
  {
    rule: 'P-77',
    title:
      'A worker that is asked to stop (SIGTERM) loses no job, and removes its record when it holds none',
    skip: all(from('safe'), needsApp),
    run: (stage) =>
      withWorker(stage, async (queue, program) => {
        const { id, text } = stage.job({ url: `/slow?ms=${SLOW_MS}` }, { meta: { retry: false } })
        await stage.redis.rpush(queue, text)
        await until('the job popped', stage.options.replyMs, async () => {
          return (await stage.redis.llen(queue)) === 0
        })
        await pause(BEGUN_MS)
        program.signal('SIGTERM')
        const limit = new Promise<void>((resolve) => setTimeout(resolve, 5000).unref())
        await Promise.race([program.ended, limit])
        advise(program.end !== undefined, 'an end within 5 s', 'it still runs')
        const holder = (await stage.held(queue)).find((each) => each.text === text)?.boot
        const held = holder !== undefined
        const waits = (await stage.redis.lpos(queue, text)) !== null
        // Where it is nowhere else its reply is on its way to whoever reads the mailbox.
        if (!held && !waits) await stage.inbox.next(id, stage.inbox.of(id).length > 0 ? 0 : 2000)
        const replied = stage.inbox.of(id).length > 0
        check(replied || held || waits, 'the job answered, held, or in its queue again', 'none')
        const records = (await stage.workersOf(queue)).map(({ boot }) => boot)
        check(!held || records.includes(holder), 'a record, while jobs are held', 'none')
        advise(replied, 'the job in hand answered before the end', held ? 'held' : 'given back')
        advise(records.length === 0, 'no record any more', 'the record is still there')
      }),
    limitMs: 30_000,
  },
]

export const heldCases: WorkerCase[] = safeCases.map((each) => ({
  ...each,
  skip: each.skip ?? from('safe'),
}))
