/** Any worker: that it takes the oldest job first. */
import { setTimeout as pause } from 'node:timers/promises'
import { checkEqual } from '../../case.js'
import type { WorkerCase } from '../levels.js'
import type { WorkerStage } from '../stage.js'

/** How long each job of three takes: a worker that runs them at once ends them in this order as well, also where it stands still for a moment. */
const orderMs = [0, 1000, 2000]
/** A worker that is quick may take all three between two looks: then they are pushed again. One that takes several at once always does. */
const ROUNDS = 8
const HINT = 'where the newest are taken first, the oldest wait for ever behind them'

export const inOrder: WorkerCase = {
  rule: 'P-70',
  title: 'Jobs are taken from the left of their queue: three in one RPUSH, the first one first',
  alone: true,
  async run(stage) {
    for (let round = 0; round < ROUNDS; round++) {
      await stage.pass()
      const { seen, order } = await pushThree(stage)
      if (stage.app) return checkEqual(order, [1, 2, 3], 'the order of the answers')
      if (seen) return
    }
  },
}

/** @returns whether one was seen to wait when another had been taken, and in which order they were answered */
async function pushThree(stage: WorkerStage): Promise<{ seen: boolean; order: number[] }> {
  const jobs = orderMs.map((ms) => stage.job({ url: stage.app ? `/slow?ms=${ms}` : '/' }))
  const texts = jobs.map(({ text }) => text)
  const ids = jobs.map(({ id }) => id)
  const end = performance.now() + stage.options.replyMs
  const numbers = (there: unknown): number[] => {
    const list: unknown[] = Array.isArray(there) ? there : []
    return list.map((text) => texts.indexOf(String(text)) + 1).filter((nth) => nth > 0)
  }
  let seen = false
  // Both in one packet: who waits in a call that blocks has taken one, and not yet another.
  const both = stage.redis.pipeline().rpush(stage.queue, ...texts)
  const [, looked] = (await both.lrange(stage.queue, 0, -1).exec()) ?? []
  let left = numbers(looked?.[1])
  while (left.length > 0 && performance.now() < end) {
    const newest = [1, 2, 3].slice(-left.length)
    checkEqual(left, newest, 'the jobs that wait are those that were pushed last', HINT)
    seen ||= left.length < jobs.length
    await pause(1)
    left = numbers(await stage.redis.lrange(stage.queue, 0, -1))
  }
  for (const id of ids) await stage.reply(id)
  const came = ids.map((id) => ({ id, nth: stage.inbox.of(id)[0]?.nth ?? 0 }))
  const order = came.sort((a, b) => a.nth - b.nth).map(({ id }) => ids.indexOf(id) + 1)
  return { seen, order }
}
