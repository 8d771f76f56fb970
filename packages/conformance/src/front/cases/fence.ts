/** Any front: which attempt is listened to, second and late replies, the channel of the mailbox, many at once. */
import { check, checkEqual } from '../../case.js'
import type { FrontCase } from '../cases.js'
import { checkResponse } from '../expect.js'
import { replied } from '../replied.js'

const answer = (id: string, body: string): unknown[] => ['answer', id, [200, {}, body]]
const lost = (id: string): unknown[] => [
  'lost',
  id,
  { final: false, queue: 'x', code: 'WORKER_LOST' },
]

/** Entries for one request, and the body its client must get. */
const fenced = (
  rule: string,
  title: string,
  body: string,
  entries: (id: string) => unknown[],
): FrontCase => replied(rule, title, entries, { status: 200, body })

const MANY = 100

export const fenceCases: FrontCase[] = [
  fenced('P-32', 'The first answer counts, a second one is harmless', 'first', (id) => [
    answer(id, 'first'),
    answer(id, 'second'),
    ['fail', id, {}],
  ]),
  fenced('P-48', 'After a loss that is not final the next attempt may answer', 'two', (id) => [
    lost(id),
    answer(`${id}.2`, 'two'),
  ]),
  fenced(
    'P-32',
    'After a loss that is not final the attempt before may still answer',
    'one',
    (id) => [lost(id), answer(id, 'one')],
  ),
  fenced('P-32', 'A fail of an older attempt is refused', 'two', (id) => [
    lost(id),
    ['fail', id, { status: 500 }],
    answer(`${id}.2`, 'two'),
  ]),
  fenced('P-32', 'A loss of an older attempt is refused', 'three', (id) => [
    lost(id),
    lost(`${id}.2`),
    ['lost', id, { final: true }],
    answer(`${id}.3`, 'three'),
  ]),
  fenced('P-131', 'A head of an older attempt is refused', 'two', (id) => [
    lost(id),
    ['head', id, [200, {}]],
    ['head', `${id}.2`, [200, {}]],
    ['chunk', `${id}.2`, 'two', 0],
    ['end', `${id}.2`, 1],
  ]),
  {
    rule: 'P-32',
    title: 'What comes late hurts nobody: the next request is answered as ever',
    async run(stage) {
      const one = await stage.begin()
      await stage.reply(one.job, answer(one.job.id, 'one'))
      await one.exchange.response
      const two = await stage.begin()
      await stage.reply(one.job, answer(one.job.id, 'late'), ['fail', one.job.id, {}])
      await stage.reply(two.job, answer(two.job.id, 'two'))
      checkResponse(await two.exchange.response, { status: 200, body: 'two' })
    },
  },
  {
    rule: 'P-50',
    title: 'A whole answer may be published on the channel of the mailbox',
    async run(stage) {
      const { job, exchange } = await stage.begin()
      await stage.publish(job, answer(job.id, 'by PUBLISH'))
      checkResponse(await exchange.response, { status: 200, body: 'by PUBLISH' })
    },
  },
  {
    rule: 'P-50',
    title: 'A fail may be published on the channel of the mailbox',
    async run(stage) {
      const { job, exchange } = await stage.begin()
      await stage.publish(job, ['fail', job.id, { status: 429 }])
      const problem = { status: 429, code: 'HANDLER_FAILED' }
      checkResponse(await exchange.response, { problem })
    },
  },
  {
    rule: 'P-50',
    title: 'Pieces of a reply that are published are refused',
    async run(stage) {
      const { job, exchange } = await stage.begin()
      await stage.publish(job, ['head', job.id, [200, { 'x-no': '1' }]])
      await stage.publish(job, ['chunk', job.id, 'no', 0])
      // On the same channel, so that it is heard after them.
      await stage.publish(job, answer(job.id, 'yes'))
      checkResponse(await exchange.response, {
        ...{ status: 200, body: 'yes', headers: { 'x-no': null } },
      })
    },
  },
  {
    rule: 'P-40',
    title: `${MANY} requests at once each get their own answer, whatever the order`,
    async run(stage) {
      const all = await Promise.all(Array.from({ length: MANY }, () => stage.begin()))
      const entries = all.map(({ job, path }) => answer(job.id, path)).reverse()
      const [first] = all
      check(first !== undefined, 'requests', all.length)
      await stage.reply(first.job, ...entries)
      const bodies = await Promise.all(all.map(({ exchange }) => exchange.response))
      checkEqual(
        bodies.map(({ body }) => body.toString()),
        all.map(({ path }) => path),
        'the path of each as its body',
      )
    },
  },
]
