/** Any worker: the vectors of jobs. What is no job must not stop it, and is answered only where it says whom to tell. */
import { randomInt } from 'node:crypto'
import { Advice, check, checkEqual } from '../../case.js'
import { bytesOfVector, type JobVector, vectors } from '../../vectors.js'
import { until } from '../../wait.js'
import { hex } from '../job.js'
import type { WorkerCase } from '../levels.js'
import type { WorkerStage } from '../stage.js'

export const vectorCases = (): WorkerCase[] => [...vectors.jobs().map(caseOf), ...hostile]

/** What a vector cannot say: more than a parser may bear, and a mailbox that is none. */
const hostile: WorkerCase[] = [
  {
    rule: 'P-15',
    title: 'What is no job does not stop the worker: 50,000 brackets',
    alone: true,
    async run(stage) {
      await stage.pushRaw('['.repeat(50_000))
      await stage.pushRaw(`["add",[${'['.repeat(50_000)}${']'.repeat(50_000)}],null,"deep"]`)
      await stage.pass()
    },
  },
  {
    rule: 'P-74',
    title:
      'A reply that Redis refuses, since respond_to names a key of another type, does not stop the worker',
    alone: true,
    async run(stage) {
      const respondTo = stage.key(`conformance-hash-${hex(4)}`)
      await stage.redis.hset(respondTo, 'a', '1')
      const { text } = stage.job({}, { respondTo })
      await stage.pushRaw(text)
      await stage.pass()
      await until('the job out of the held list', stage.options.replyMs, async () => {
        return !(await stage.isHeld(text))
      })
    },
  },
]

const SETTLE_MS = 1000
const ON_ITS_WAY_MS = 50

function caseOf(vector: JobVector): WorkerCase {
  const { rule, name, expect } = vector
  if (expect.job) {
    return {
      rule,
      title: `What is a job is taken as one: ${name}`,
      run: (stage) => runJob(stage, vector),
    }
  }
  const told = expect.reply ? 'is told to who asked' : 'is answered by nothing'
  return {
    rule,
    title: `What is no job does not stop the worker, and ${told}: ${name}`,
    alone: true,
    run: (stage) => runMalformed(stage, vector),
  }
}

/** An action nobody handles: the failure shows that the job was read. */
async function runJob(stage: WorkerStage, vector: JobVector): Promise<void> {
  const { job_id: id = '', respond_to: to = null } = vector.expect.job ?? {}
  await stage.pushRaw(bytesOfVector(vector, { answers: stage.mailbox }))
  if (to === null) return stage.checkSilent(id, 'nobody waits')
  const { kind } = await stage.reply(id)
  checkEqual(kind, 'fail', 'the verb')
}

async function runMalformed(stage: WorkerStage, vector: JobVector): Promise<void> {
  const strays = stage.inbox.strays.length
  const [bytes, list] = withOwnList(stage, bytesOfVector(vector, { answers: stage.mailbox }))
  await stage.pushRaw(bytes)
  await stage.pass()
  if (list !== undefined) {
    const [wrong] = await stage.redis.lrange(list, 0, 0)
    await stage.redis.del(list)
    check(wrong === undefined, `nothing in a list ${list}, which respond_to cannot name`, wrong)
  }
  const { reply } = vector.expect
  const stray = stage.inbox.strays[strays]
  check(stray === undefined, 'no entry without an id', stray?.whole)
  const id = reply?.job_id ?? idIn(bytes)
  if (reply && id !== undefined) await settle(stage, bytes.toString(), id)
  const [first] = id === undefined ? [] : stage.inbox.of(id)
  if (!reply) return check(first === undefined, 'no reply', first?.whole)
  if (!first) throw new Advice('fail with code BAD_REQUEST, as the ids can be read', 'nothing')
  checkEqual(first.verb, 'fail', 'the verb', 'what is malformed must not be run')
  const third = first.third
  const code = typeof third === 'object' && third !== null && 'code' in third ? third.code : third
  if (code !== reply.code) throw new Advice(`the code ${reply.code}`, code)
}

/** A worker of several threads may have it in hand still when the jobs behind it are answered. */
async function settle(stage: WorkerStage, text: string, id: string): Promise<void> {
  const came = (): boolean => stage.inbox.of(id).length > 0
  if (came()) return
  const over = async (): Promise<boolean> => came() || !(await stage.isHeld(text))
  await until('it is over', SETTLE_MS, over).catch(() => undefined)
  if (!came()) await stage.inbox.next(id, ON_ITS_WAY_MS)
}

/** A respond_to that names no list is given a name that no other run has: whoever replies there nevertheless is seen. */
function withOwnList(stage: WorkerStage, bytes: Buffer): [Buffer, list?: string] {
  const text = bytes.toString()
  if (text.includes(',5,"job-')) {
    const list = stage.key(String(randomInt(2 ** 47)))
    return [Buffer.from(text.replace(',5,"', `,${list},"`)), list]
  }
  if (!text.includes('"{answers}:')) return [bytes]
  return [
    Buffer.from(text.replace('{answers}', `{${stage.queue}}`)),
    stage.key(`{${stage.queue}}:held:0`),
  ]
}

function idIn(bytes: Buffer): string | undefined {
  return /"(job-\d+)"/.exec(bytes.toString())?.[1]
}
