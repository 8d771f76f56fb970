/** Any front: a client that does not read, and a worker that is told so. */
import { check, checkEqual } from '../../case.js'
import { until } from '../../wait.js'
import type { FrontCase } from '../cases.js'
import type { FrontStage } from '../stage.js'

const PIECE = 'x'.repeat(128 * 1024)
/** More than sockets hold, less than breaks the reply (8 MiB unsent). */
const MOST = 100

async function hears(
  stage: FrontStage,
  mailbox: string,
  verb: string,
  limitMs: number,
): Promise<boolean> {
  const end = performance.now() + limitMs
  for (;;) {
    const text = await stage.redis.lpop(mailbox)
    if (text !== null && text.startsWith(`["${verb}"`)) return true
    if (text === null && performance.now() > end) return false
    if (text === null) await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

export const slowerCases: FrontCase[] = [
  {
    rule: 'P-134',
    title:
      'A worker hears pause when its client does not read, resume when it does, and nothing is lost',
    limitMs: 30_000,
    async run(stage) {
      const { job, exchange } = await stage.begin()
      const mailbox = `tempest:mailbox:conformance-${job.id}`
      try {
        await stage.reply(job, ['head', job.id, [200, {}], mailbox])
        await exchange.arrived(0, stage.options.replyMs)
        exchange.pause()
        let n = 0
        let paused = false
        while (!paused && n < MOST) {
          await stage.reply(job, ['chunk', job.id, PIECE, n++])
          // One that stands still is not to find more than it can bear.
          await until('the mailbox read', stage.options.replyMs, async () => {
            return (await stage.redis.llen(job.respondTo)) === 0
          })
          paused = await hears(stage, mailbox, 'pause', 30)
        }
        check(paused, `pause in the mailbox of the head, after ${n} chunks of 128 KiB`, 'nothing')
        exchange.resume()
        const resumed = await hears(stage, mailbox, 'resume', stage.options.replyMs)
        check(resumed, 'resume, when the client has read', 'nothing')
        await stage.reply(job, ['end', job.id, n])
        const { body, complete } = await exchange.response
        checkEqual([body.length, complete], [n * PIECE.length, true], 'bytes, and whole')
      } finally {
        exchange.leave()
        await stage.redis.del(mailbox)
      }
    },
  },
]
