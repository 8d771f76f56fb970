/** Workers that write marks: cancels, epochs, the marks themselves, and the sweep of others. */
import { check, checkEqual } from '../../case.js'
import { until } from '../../wait.js'
import { hex } from '../job.js'
import { all, from, needsApp, type WorkerCase } from '../levels.js'
import type { WorkerStage } from '../stage.js'
import { removeNode } from '../traces.js'

export const PATIENCE_MS = 2500

/** A worker that is dead: a record, no beat, jobs in its held list. */
export async function bury(
  stage: WorkerStage,
  boot: string,
  ...jobs: (string | Buffer)[]
): Promise<void> {
  const record = { role: 'worker', queues: [stage.queue], patience: 500 }
  stage.traces.madeUp.add(boot)
  await stage.redis.rpush(`{${stage.queue}}:held:${boot}`, ...jobs)
  await stage.redis.hset('tempest:nodes', boot, JSON.stringify(record))
  await stage.redis.hincrby('tempest:beats', boot, 1)
}

export async function clean(stage: WorkerStage, boot: string): Promise<void> {
  await removeNode(stage.redis, boot)
  await stage.redis.del(`{${stage.queue}}:held:${boot}`)
}

const fullCases: WorkerCase[] = [
  {
    rule: 'P-52',
    title: 'A job whose cancel was heard before is dropped, without a reply',
    should: true,
    async run(stage) {
      const { id, text } = stage.job({})
      const cancel = { ids: [id], until: stage.now() + 30_000 }
      // It listens on a connection of its own, which may be there a moment later than its first pop.
      await until('somebody who hears cancels', stage.options.replyMs, async () => {
        const channel = `{${stage.queue}}:cancel`
        return (await stage.redis.publish(channel, JSON.stringify(cancel))) >= 1
      })
      // It comes by another connection than jobs do: what a busy worker reads first is not laid down.
      await stage.pass()
      await stage.pushRaw(text)
      await stage.checkSilent(id, 'it was cancelled')
    },
  },
  {
    rule: 'P-112',
    title: 'A job of another epoch that may not be retried is not run: it is lost, for good',
    async run(stage) {
      const meta = { epoch: '00000000.00000000', retry: false }
      const { kind, failure } = await stage.ask({ method: 'POST' }, { meta })
      checkEqual(kind, 'lost', 'the verb')
      checkEqual(failure['final'], true, 'final')
    },
  },
  {
    rule: 'P-106',
    title: 'A further attempt is named in {q}:suspect:<boot> while it runs, and not after',
    skip: all(from('full'), needsApp),
    async run(stage) {
      const { boot } = await stage.worker()
      const id = `${stage.boot}-0-${hex(8)}.2`
      const meta = { attempt: 2, retry: true }
      const key = `{${stage.queue}}:suspect:${boot}`
      await stage.push({ url: '/slow?ms=300' }, { id, meta })
      await until(`its name in ${key}`, stage.options.replyMs, async () => {
        const marks = await stage.redis.smembers(key)
        return marks.some((mark) => mark === id || mark === `+${id}`)
      })
      await stage.reply(id)
      await until('its name removed', stage.options.replyMs, async () => {
        const marks = await stage.redis.smembers(key)
        return !marks.some((mark) => mark === id || mark === `+${id}`)
      })
    },
  },
  {
    rule: 'P-104',
    title: 'What a dead worker held is settled: lost for good, or run as the next attempt',
    limitMs: 20_000,
    async run(stage) {
      const boot = hex(8)
      const once = stage.job({ method: 'POST', url: '/' }, { meta: { retry: false } })
      const again = stage.job({}, { meta: { retry: true } })
      await bury(stage, boot, once.text, again.text)
      try {
        const lost = await stage.reply(once.id, 4 * PATIENCE_MS)
        checkEqual(lost.kind, 'lost', 'the verb')
        checkEqual(lost.failure['final'], true, 'final, as it may not be retried')
        const word = await stage.reply(again.id, 4 * PATIENCE_MS)
        checkEqual(word.kind, 'lost', 'the verb')
        checkEqual(word.failure['final'], false, 'final, as it may be retried')
        await stage.reply(`${again.id}.2`)
        check(
          (await stage.heldBy(boot)).length === 0,
          'an empty held list',
          await stage.heldBy(boot),
        )
      } finally {
        await clean(stage, boot)
      }
    },
  },
  {
    rule: 'P-76',
    title: 'A worker that was taken out of {q}:workers registers anew, and goes on',
    alone: true,
    async run(stage) {
      const { boot } = await stage.worker()
      await stage.redis.zrem(`{${stage.queue}}:workers`, boot)
      await stage.pass()
      await until('its boot in {q}:workers again', stage.options.replyMs, async () => {
        return (await stage.redis.zscore(`{${stage.queue}}:workers`, boot)) !== null
      })
    },
  },
]

export const markedCases: WorkerCase[] = fullCases.map((each) => ({
  ...each,
  skip: each.skip ?? from('full'),
}))
