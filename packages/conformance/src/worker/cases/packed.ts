/** Workers that are said to read MessagePack (--msgpack): the same jobs in it, and what is none. Their replies may be in either encoding. */
import { randomBytes } from 'node:crypto'
import { advise, Advice, check, checkEqual } from '../../case.js'
import { pack } from '../../encoding.js'
import { packedBytes, type PackedVector, vectors } from '../../vectors.js'
import { until } from '../../wait.js'
import { hex, type JobTerms, packJob, type Request } from '../job.js'
import { from, needsApp, type WorkerCase } from '../levels.js'
import { headerOf, httpOf, type Reply } from '../reply.js'
import type { WorkerStage } from '../stage.js'
import { bury, clean, PATIENCE_MS } from './full.js'

const every = Buffer.from(Array.from({ length: 256 }, (_none, i) => i))
const long = randomBytes(256 * 1024)

const bodies: [string, unknown, Buffer][] = [
  ['bin that is no UTF-8', Buffer.from('fffe', 'hex'), Buffer.from('fffe', 'hex')],
  ['every byte there is', every, every],
  ['bin that is text', Buffer.from('héllo'), Buffer.from('héllo')],
  ['no bytes', Buffer.alloc(0), Buffer.alloc(0)],
  ['str', 'héllo 😀', Buffer.from('héllo 😀')],
  ['the object with base64', { base64: '//4=' }, Buffer.from('fffe', 'hex')],
  ['nil', null, Buffer.alloc(0)],
  ['256 KiB of random bytes', long, long],
]

/** Whole numbers of all lengths, and what else MessagePack has a word for. */
const args: unknown[] = [
  ...[0, -1, 127, 128, 65_536, 2 ** 31, 2 ** 53 - 1, -(2 ** 53) + 1],
  ...[2n ** 63n - 1n, 2n ** 64n - 1n, -(2n ** 63n), 1.5, NaN, -Infinity],
  ...[null, true, '', 'é'.repeat(40), every, { a: [{ b: Buffer.alloc(0) }] }],
]

const ids: [string, (boot: string) => string][] = [
  ['a short one', () => hex(4)],
  ['one that is not ASCII', () => `jöb-😀-日本-${hex(4)}`],
  ['one of a thousand characters', () => `${'x'.repeat(1000)}-${hex(4)}`],
]

async function ask(stage: WorkerStage, request: Request, terms?: JobTerms): Promise<Reply> {
  const { id, bytes } = packJob(stage, request, terms)
  await stage.pushRaw(bytes)
  return stage.reply(id)
}

async function runMalformed(stage: WorkerStage, vector: PackedVector): Promise<void> {
  const strays = stage.inbox.strays.length
  const id = `packed-${hex(8)}`
  await stage.pushRaw(packedBytes(vector, stage.mailbox, id))
  await stage.pass()
  const stray = stage.inbox.strays[strays]
  check(stray === undefined, 'no entry without an id', stray?.whole)
  const [first] = stage.inbox.of(id)
  const { reply } = vector.expect
  if (!first) {
    if (!reply) return
    throw new Advice('fail with code BAD_REQUEST, as the ids can be read', 'nothing')
  }
  checkEqual(first.verb, 'fail', 'the verb', 'what is malformed must not be run')
  const hint = 'other readers may take what ours does not'
  advise(Boolean(reply), 'no reply', first.whole, hint)
}

function vectorCases(): WorkerCase[] {
  return vectors.msgpack().flatMap((vector): WorkerCase[] => {
    const { rule, name, expect } = vector
    const own = vector.hex.includes(pack('answers').toString('hex'))
    if (expect.job && own && expect.job.job_id === 'job-1') {
      const run = async (stage: WorkerStage): Promise<void> => {
        const id = `packed-${hex(8)}`
        await stage.pushRaw(packedBytes(vector, stage.mailbox, id))
        checkEqual((await stage.reply(id)).kind, 'fail', 'the verb: nobody handles this action')
      }
      return [{ rule, title: `What is a job in MessagePack is taken as one: ${name}`, run }]
    }
    if (expect.dead !== true || !own) return []
    const title = `What is no job in MessagePack does not stop the worker: ${name}`
    return [{ rule, title, alone: true, run: (stage) => runMalformed(stage, vector) }]
  })
}

export const packedCases = (): WorkerCase[] => [
  {
    rule: 'P-25',
    title: 'A job in MessagePack is answered',
    async run(stage) {
      const { status } = httpOf(await ask(stage, { headers: { 'set-cookie': ['a', 'b'] } }))
      check(typeof status === 'number', 'a status', status)
    },
  },
  {
    rule: 'P-25',
    title: 'JSON and MessagePack may be mixed on one queue, in one RPUSH',
    async run(stage) {
      const [one, three] = [stage.job({}), stage.job({})]
      const [two, four] = [packJob(stage, {}), packJob(stage, {})]
      await stage.pushRaw(one.text, two.bytes, three.text, four.bytes)
      for (const { id } of [one, two, three, four]) await stage.reply(id)
    },
  },
  ...vectorCases(),
  ...ids.map(([what, make]): WorkerCase => ({
    rule: 'P-30',
    title: `The reply to a job in MessagePack bears its id as it came: ${what}`,
    async run(stage) {
      const id = make(stage.boot)
      checkEqual((await ask(stage, {}, { id })).entries[0]?.id, id, 'the id as a string')
    },
  })),
  {
    rule: 'P-10',
    title: 'A number as id of a job in MessagePack stands for its text',
    async run(stage) {
      await ask(stage, {}, { id: Math.floor(Math.random() * 1e9) })
    },
  },
  {
    rule: 'P-10',
    title: 'No reply is sent where respond_to is nil',
    async run(stage) {
      const { id, bytes } = packJob(stage, {}, { respondTo: null })
      await stage.pushRaw(bytes)
      await stage.checkSilent(id, 'nobody waits')
    },
  },
  {
    rule: 'P-13',
    title: 'A job in MessagePack without metadata is answered',
    async run(stage) {
      httpOf(await ask(stage, {}, { meta: null }))
    },
  },
  {
    rule: 'P-26',
    title: 'Arguments may be all that MessagePack has, whole numbers of 64 bits among them',
    async run(stage) {
      const { kind, failure } = await ask(stage, {}, { action: 'conformance-nobody', args })
      checkEqual(kind, 'fail', 'the verb')
      checkEqual(failure['code'], 'NO_HANDLER', 'the code')
    },
  },
  {
    rule: 'P-26',
    title: 'A deadline may be a float, and what nobody knows in metadata anything',
    async run(stage) {
      const meta = { deadline: stage.now() + 60_000.5, later: [every, 2n ** 64n - 1n] }
      httpOf(await ask(stage, {}, { meta }))
    },
  },
  ...bodies.map(([what, body, bytes]): WorkerCase => ({
    rule: 'P-26',
    title: `A body in MessagePack comes back byte for byte: ${what}`,
    skip: needsApp,
    async run(stage) {
      const headers = { 'content-type': 'application/x-conformance' }
      const request = { method: 'POST', url: '/echo', headers, body }
      const reply = httpOf(await ask(stage, request))
      checkEqual(reply.status, 200, 'the status')
      check(reply.body.equals(bytes), `the body as it was sent, ${bytes.length} bytes`, reply.body)
      checkEqual(headerOf(reply, 'content-type'), 'application/x-conformance', 'its content-type')
    },
  })),
  {
    rule: 'P-14',
    title: 'A job in MessagePack that is past its deadline is dropped, without a reply',
    should: true,
    async run(stage) {
      const { id, bytes } = packJob(stage, {}, { deadlineMs: -5000 })
      await stage.pushRaw(bytes)
      await stage.checkSilent(id, 'its deadline was 5 s ago')
    },
  },
  {
    rule: 'P-15',
    title: 'What begins as MessagePack and is none does not stop the worker, however deep it is',
    alone: true,
    async run(stage) {
      const strays = stage.inbox.strays.length
      const faults = vectors.msgpack().filter(({ expect }) => expect.fault !== undefined)
      const deep = Buffer.alloc(50_000, 0x91)
      await stage.pushRaw(...faults.map((each) => Buffer.from(each.hex, 'hex')), deep)
      await stage.pass()
      const stray = stage.inbox.strays[strays]
      check(stray === undefined, 'no entry without an id', stray?.whole)
    },
  },
  {
    rule: 'P-73',
    title: 'A job in MessagePack, and what is none, leave the held list by their bytes',
    alone: true,
    skip: from('safe'),
    async run(stage) {
      const { id, bytes } = packJob(stage, { body: every }, { meta: { later: every } })
      const none = Buffer.concat([Buffer.from('94ff', 'hex'), randomBytes(8)])
      await stage.pushRaw(bytes, none)
      await stage.reply(id)
      await stage.pass()
      await until('neither of them in the held list', stage.options.replyMs, async () => {
        const left = [bytes, none].map((each) => stage.isHeld(each.toString()))
        return !(await Promise.all(left)).includes(true)
      })
      const [dead] = await stage.redis.lrangeBuffer(`{${stage.queue}}:dead`, 0, 0)
      advise(dead?.equals(none) === true, 'what is none at the left of {q}:dead, as it was', dead)
    },
  },
  {
    rule: 'P-29',
    title: 'What a dead worker held in MessagePack is settled: lost, or run as the next attempt',
    skip: from('full'),
    limitMs: 20_000,
    async run(stage) {
      const boot = hex(8)
      const meta = { retry: true, later: every }
      const [once, again] = [
        packJob(stage, {}, { meta: { retry: false } }),
        packJob(stage, {}, { meta }),
      ]
      await bury(stage, boot, once.bytes, again.bytes)
      try {
        checkEqual((await stage.reply(once.id, 4 * PATIENCE_MS)).kind, 'lost', 'the verb')
        checkEqual((await stage.reply(again.id, 4 * PATIENCE_MS)).kind, 'lost', 'the verb')
        httpOf(await stage.reply(`${again.id}.2`))
      } finally {
        await clean(stage, boot)
      }
    },
  },
]
