/** The plainest case of a front: entries for one request, and what its client must get. */
import type { HttpExpectation } from '../vectors.js'
import type { FrontCase } from './cases.js'
import { checkResponse } from './expect.js'

/** @param entries all in one RPUSH; what is neither text nor bytes goes as JSON */
export function replied(
  rule: string,
  title: string,
  entries: (id: string) => unknown[],
  expected: HttpExpectation,
): FrontCase {
  return {
    rule,
    title,
    async run(stage) {
      const { job, exchange } = await stage.begin()
      await stage.reply(job, ...entries(job.id))
      checkResponse(await exchange.response, expected)
    },
  }
}
