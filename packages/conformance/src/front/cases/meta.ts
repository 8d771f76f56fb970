/** Any front: the metadata of its jobs, which no client can reach; and what it tells of itself. */
import { advise, check, checkEqual, Skip } from '../../case.js'
import { until } from '../../wait.js'
import type { FrontCase } from '../cases.js'
import type { ClientRequest } from '../client.js'
import { type FrontStage, objectOf } from '../stage.js'

const HOUR_MS = 3_600_000

async function metaOf(
  stage: FrontStage,
  request: ClientRequest = {},
  rest = '',
): Promise<Record<string, unknown>> {
  const { job, exchange } = await stage.begin(request, rest)
  await stage.reply(job, ['answer', job.id, [200, {}, '']])
  await exchange.response
  check(Object.keys(job.meta).length > 0, 'meta, an object', job.request['meta'])
  return job.meta
}

function requestId(value: string, taken: boolean): FrontCase {
  return {
    rule: 'P-13',
    title: taken
      ? 'A proper X-Request-Id of the client becomes request_id'
      : `An X-Request-Id that is none is not taken: ${value.slice(0, 12)}`,
    async run(stage) {
      const meta = await metaOf(stage, { headers: { 'x-request-id': value } })
      const { request_id: id } = meta
      check(typeof id === 'string' && id !== '', 'a request_id', id)
      check((id === value) === taken, taken ? value : 'the id of the job', id)
    },
  }
}

const trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'

function traceparent(value: string, taken: boolean): FrontCase {
  return {
    rule: 'P-13',
    title: taken
      ? 'A valid traceparent is passed on'
      : `A traceparent that is not valid is left out: ${value}`,
    async run(stage) {
      const { traceparent } = await metaOf(stage, { headers: { traceparent: value } })
      checkEqual(traceparent, taken ? value : undefined, 'traceparent')
    },
  }
}

export const metaCases: FrontCase[] = [
  {
    rule: 'P-13',
    title: 'Metadata has v, deadline, attempt, retry, epoch and request_id, each of its type',
    async run(stage) {
      const { v, deadline, attempt, retry, epoch, request_id: id } = await metaOf(stage)
      checkEqual([v, attempt], [1, 1], 'v and attempt')
      check(typeof retry === 'boolean', 'retry, a boolean', retry)
      check(typeof epoch === 'string' && epoch !== '', 'epoch, a string', epoch)
      check(typeof id === 'string' && id !== '', 'request_id, a string', id)
      check(typeof deadline === 'number', 'deadline, a number', deadline)
    },
  },
  {
    rule: 'P-14',
    title: "The deadline is in Redis' time, in milliseconds, and ahead",
    async run(stage) {
      const { deadline } = await metaOf(stage)
      const ahead = Number(deadline) - stage.now()
      check(ahead > 0 && ahead <= HOUR_MS, `more than ${stage.now()}, by an hour at most`, deadline)
    },
  },
  {
    rule: 'P-112',
    title: 'The epoch is made of run_id and master_replid2 of this Redis',
    async run(stage) {
      checkEqual((await metaOf(stage))['epoch'], stage.epoch, 'the epoch')
    },
  },
  {
    rule: 'P-13',
    title: 'Nothing a client sends reaches the metadata: not by its body, query, or headers',
    async run(stage) {
      const fake = { v: 9, deadline: 1, attempt: 7, retry: 'x', evil: true }
      const { job, exchange } = await stage.begin(
        {
          method: 'POST',
          headers: { meta: JSON.stringify(fake), 'content-type': 'application/json', evil: '1' },
          body: JSON.stringify({ meta: fake, respond_to: 'evil', job_id: 'evil', action: 'evil' }),
        },
        '?meta[evil]=1&meta=%7B%22evil%22%3A1%7D&respond_to=evil',
      )
      await stage.reply(job, ['answer', job.id, [200, {}, '']])
      await exchange.response
      const { meta } = job
      checkEqual([meta['v'], meta['attempt'], 'evil' in meta], [1, 1, false], 'v, attempt, evil')
      check(meta['deadline'] !== 1 && meta['retry'] !== 'x', 'its own deadline and retry', meta)
      check(!/^evil$/.test(`${job.id}${job.respondTo}`), 'its own id and mailbox', job.whole)
      const top = objectOf(job.request)
      check(!('evil' in top), 'no key of the client beside those of P-12', Object.keys(top))
    },
  },
  requestId('client-id/7.~!', true),
  requestId('with a space', false),
  requestId('x'.repeat(201), false),
  traceparent(trace, true),
  traceparent('00-00000000000000000000000000000000-00f067aa0ba902b7-01', false),
  traceparent(trace.toUpperCase(), false),
  {
    rule: 'P-100',
    title: 'The node that waits has a record, under the boot in its mailbox',
    async run(stage) {
      const { job, exchange } = await stage.begin()
      await stage.reply(job, ['answer', job.id, [200, {}, '']])
      await exchange.response
      const boot = /^tempest:mailbox:(.+)$/.exec(job.respondTo)?.[1]
      if (boot === undefined) throw new Skip('respond_to is the address of a listener (P-146)')
      check(/^[0-9a-f]{16}$/.test(boot), 'a boot of 16 hexadecimal characters', boot)
      const text = await until('a record in tempest:nodes', stage.options.replyMs, async () => {
        return (await stage.redis.hget('tempest:nodes', boot)) ?? undefined
      })
      const record = objectOf(JSON.parse(text))
      checkEqual(record['role'], 'front', 'the role')
      const { queues } = record
      advise(
        Array.isArray(queues) && queues.includes(stage.options.queue),
        `queues with ${stage.options.queue}`,
        queues,
      )
    },
  },
  {
    rule: 'P-101',
    title: 'It beats at least three times in its patience',
    async run(stage) {
      const { job, exchange } = await stage.begin()
      await stage.reply(job, ['answer', job.id, [200, {}, '']])
      await exchange.response
      const boot = job.respondTo.replace('tempest:mailbox:', '')
      const read = async (): Promise<number> =>
        Number(await stage.redis.hget('tempest:beats', boot))
      const first = await read()
      await until('two beats within 5 s', 5000, async () => (await read()) >= first + 2)
    },
  },
]
