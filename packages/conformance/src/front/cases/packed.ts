/** Any front: replies in MessagePack (P-25), whatever the encoding of its jobs. */
import { pack } from '../../encoding.js'
import type { HttpExpectation } from '../../vectors.js'
import type { FrontCase } from '../cases.js'
import { checkResponse } from '../expect.js'
import { replied } from '../replied.js'

const bytes = Buffer.from('fffe00c4', 'hex')

/** Entries for one request, all in MessagePack, and what its client must get. */
const packed = (
  rule: string,
  title: string,
  entries: (id: string) => unknown[],
  expected: HttpExpectation,
): FrontCase => replied(rule, title, (id) => entries(id).map(pack), expected)

const bodies: [string, unknown, HttpExpectation][] = [
  ['bin', bytes, { status: 200, hex: bytes.toString('hex') }],
  ['str', 'héllo 😀', { status: 200, body: 'héllo 😀' }],
  ['nil', null, { status: 200, body: '' }],
  ['the object with base64', { base64: '//4=' }, { status: 200, hex: 'fffe' }],
  ['70,000 bytes', Buffer.alloc(70_000, 1), { status: 200, hex: '01'.repeat(70_000) }],
]

/** No MessagePack for any reader. */
const broken: [string, (id: string) => Buffer][] = [
  ['ends early', (id) => pack(['answer', id, [200, {}, 'no']]).subarray(0, -1)],
  ['says that it is of 4 294 967 295 elements', () => Buffer.from('ddffffffff', 'hex')],
  ['has the byte c1', () => Buffer.from('93c1c1c1', 'hex')],
]

export const packedCases: FrontCase[] = [
  packed(
    'P-25',
    'An answer may be in MessagePack',
    (id) => [['answer', id, [201, { 'x-own': 'a', 'x-two': ['b', 'c'], 'x-n': 5 }, 'packed']]],
    { status: 201, headers: { 'x-own': 'a', 'x-two': ['b', 'c'], 'x-n': '5' }, body: 'packed' },
  ),
  packed(
    'P-25',
    'A fail may be in MessagePack',
    (id) => [['fail', id, { status: 409, code: 'HTTP_ERROR', message: 'row 7' }]],
    { problem: { status: 409, code: 'HTTP_ERROR' } },
  ),
  packed(
    'P-25',
    'A lost may be in MessagePack, and so may the answer of the next attempt',
    (id) => [
      ['lost', id, { final: false, queue: 'x', code: 'WORKER_LOST' }],
      ['answer', `${id}.2`, [200, {}, 'two']],
    ],
    { status: 200, body: 'two' },
  ),
  packed(
    'P-25',
    'A reply in pieces may be in MessagePack, its chunks bin or str',
    (id) => [
      ['head', id, [200, { 'x-own': 'a' }]],
      ['chunk', id, bytes, 0],
      ['chunk', id, 'é', 1],
      ['end', id, 2],
    ],
    { status: 200, headers: { 'x-own': 'a' }, hex: `${bytes.toString('hex')}c3a9` },
  ),
  packed(
    'P-41',
    'A result in MessagePack that is none is refused as in JSON',
    (id) => [['answer', id, [200, { 'x-no': 'a\r\nb: c' }, 'no']]],
    { problem: { status: 502, code: 'BAD_REPLY' } },
  ),
  ...bodies.map(([what, body, expected]) =>
    packed(
      'P-26',
      `A body in MessagePack reaches the client byte for byte: ${what}`,
      (id) => [['answer', id, [200, {}, body]]],
      expected,
    ),
  ),
  {
    rule: 'P-25',
    title: 'JSON and MessagePack may be mixed in one mailbox, in one reply',
    async run(stage) {
      const { job, exchange } = await stage.begin()
      await stage.reply(
        job,
        ...[pack(['head', job.id, [200, {}]]), ['chunk', job.id, { base64: '//4=' }, 0]],
        ...[pack(['chunk', job.id, bytes, 1]), ['end', job.id, 2]],
      )
      const hex = `fffe${bytes.toString('hex')}`
      checkResponse(await exchange.response, { status: 200, hex })
    },
  },
  {
    rule: 'P-25',
    title: 'White space before MessagePack is skipped',
    async run(stage) {
      const { job, exchange } = await stage.begin()
      const entry = pack(['answer', job.id, [200, {}, 'behind']])
      await stage.reply(job, Buffer.concat([Buffer.from(' \t\r\n'), entry]))
      checkResponse(await exchange.response, { status: 200, body: 'behind' })
    },
  },
  {
    rule: 'P-25',
    title: 'An answer in MessagePack may be published on the channel of the mailbox',
    async run(stage) {
      const { job, exchange } = await stage.begin()
      const entry = pack(['answer', job.id, [200, {}, 'by PUBLISH']])
      await stage.publish(job, entry)
      checkResponse(await exchange.response, { status: 200, body: 'by PUBLISH' })
    },
  },
  ...broken.map(([what, entry]): FrontCase => ({
    rule: 'P-44',
    title: `What begins as MessagePack and is none is dropped, and the front goes on: it ${what}`,
    async run(stage) {
      const { job, exchange } = await stage.begin()
      await stage.reply(job, entry(job.id), ['answer', job.id, [200, {}, 'what came after']])
      checkResponse(await exchange.response, { status: 200, body: 'what came after' })
    },
  })),
]
