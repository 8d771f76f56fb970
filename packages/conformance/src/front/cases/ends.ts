/** Any front: what clients see of failures, and what workers hear when nobody waits any more. */
import { check, checkEqual, Skip } from '../../case.js'
import { timeOf } from '../../redis.js'
import { until } from '../../wait.js'
import type { FrontCase } from '../cases.js'
import { type Response, valuesOf } from '../client.js'
import { checkProblem, problemOf } from '../expect.js'
import { type FrontStage, objectOf } from '../stage.js'

const SECRET = 'row 7 is locked by anna'
const WAIT_MS = 5000

async function failed(
  stage: FrontStage,
  accept: string | undefined,
  failure: object = { status: 409, code: 'HTTP_ERROR', message: SECRET },
): Promise<Response> {
  const headers = accept === undefined ? {} : { accept }
  const { job, exchange } = await stage.begin({ headers })
  await stage.reply(job, ['fail', job.id, failure])
  return exchange.response
}

/** A message on the cancel channel that names the job. */
async function cancelOf(stage: FrontStage, id: string): Promise<Record<string, unknown>> {
  return until(`a cancel of ${id}`, stage.options.replyMs, () => {
    for (const text of stage.cancels) {
      const cancel = objectOf(JSON.parse(text))
      if (Array.isArray(cancel['ids']) && cancel['ids'].includes(id)) return Promise.resolve(cancel)
    }
    return Promise.resolve(undefined)
  })
}

export const endCases: FrontCase[] = [
  {
    rule: 'P-42',
    title: 'The message of a fail reaches no client, as JSON or as text',
    async run(stage) {
      for (const accept of ['application/json', 'text/html', '*/*']) {
        const { fields, body } = await failed(stage, accept)
        const whole = `${JSON.stringify(fields)}${body.toString()}`
        check(!whole.includes('anna'), 'nothing of the message', whole)
      }
    },
  },
  {
    rule: 'P-42',
    title: 'Nor does anything else that a fail carries',
    async run(stage) {
      const failure = { status: 500, code: 'ROW_7', message: SECRET, stack: SECRET, detail: SECRET }
      const response = await failed(stage, undefined, failure)
      checkProblem(response, { status: 500, code: 'HANDLER_FAILED' })
      check(!/anna|ROW_7/.test(response.body.toString()), 'nothing of it', response.body.toString())
    },
  },
  {
    rule: 'P-81',
    title: 'An error is problem+json with type, title, status, code and request_id',
    async run(stage) {
      const response = await failed(stage, undefined)
      checkProblem(response, { status: 409, code: 'HTTP_ERROR' })
      const { type, title, request_id: id } = problemOf(response)
      checkEqual([type, title], ['about:blank', 'Conflict'], 'type and title')
      checkEqual(valuesOf(response, 'x-request-id'), [id], 'x-request-id and request_id')
    },
  },
  {
    rule: 'P-81',
    title: 'An error is a line of plain text for a client that prefers that',
    async run(stage) {
      const response = await failed(stage, 'text/html,application/xhtml+xml,*/*;q=0.8')
      checkEqual(response.status, 409, 'the status')
      const type = valuesOf(response, 'content-type').join()
      check(type.startsWith('text/plain'), 'text/plain', type)
    },
  },
  {
    rule: 'P-41',
    title: 'A response has x-request-id, the one in the metadata',
    async run(stage) {
      const { job, exchange } = await stage.begin()
      await stage.reply(job, ['answer', job.id, [200, {}, '']])
      const response = await exchange.response
      checkEqual(valuesOf(response, 'x-request-id'), [job.meta['request_id']], 'x-request-id')
    },
  },
  {
    rule: 'P-52',
    title:
      'When the client leaves, its job is cancelled by its base id, until a time that is ahead',
    async run(stage) {
      const { job, exchange } = await stage.begin()
      exchange.leave()
      const { until: end } = await cancelOf(stage, job.id)
      check(typeof end === 'number' && end > stage.now(), "until, in Redis' time, ahead", end)
    },
  },
  {
    rule: 'P-52',
    title: 'When the client leaves in the middle of a reply in pieces, its job is cancelled',
    async run(stage) {
      const { job, exchange } = await stage.begin()
      await stage.reply(job, ['head', job.id, [200, {}]], ['chunk', job.id, 'a', 0])
      await exchange.arrived(1, stage.options.replyMs)
      exchange.leave()
      await cancelOf(stage, job.id)
    },
  },
  {
    rule: 'P-14',
    title: 'A request that nobody answers ends with 504 DEADLINE at its deadline',
    limitMs: 3 * WAIT_MS,
    async run(stage) {
      const { job, exchange } = await stage.begin({}, '/deadline')
      const left = Number(job.meta['deadline']) - stage.now()
      if (!(left <= WAIT_MS)) {
        exchange.leave()
        throw new Skip(
          `its deadline is ${left} ms away, more than ${WAIT_MS}: give /…/deadline a short one`,
        )
      }
      checkProblem(await exchange.response, { status: 504, code: 'DEADLINE' })
      const now = await timeOf(stage.redis)
      check(now >= Number(job.meta['deadline']) - 500, 'not long before it', now)
    },
  },
]
