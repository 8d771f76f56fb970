/** A front that listens itself (`meta.direct`): the verbs as commands, and what it answers to them. */
import { Redis } from 'ioredis'
import { check, checkEqual, Skip } from '../../case.js'
import { pack } from '../../encoding.js'
import type { FrontCase } from '../cases.js'
import { checkResponse } from '../expect.js'
import type { Exchange } from '../client.js'
import type { FrontStage, PoppedJob } from '../stage.js'

interface Call {
  job: PoppedJob
  exchange: Exchange
  /** The reply as text; `-GONE …` for an error. */
  say: (name: string, ...args: (string | Buffer)[]) => Promise<string>
}

async function withListener(stage: FrontStage, use: (call: Call) => Promise<void>): Promise<void> {
  const { job, exchange } = await stage.begin()
  const { direct } = job.meta
  const leave = (reason: string): never => {
    exchange.leave()
    throw new Skip(reason)
  }
  if (typeof direct !== 'string') return leave('the front does not listen itself: no meta.direct')
  const [, host = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(direct) ?? []
  const redis = new Redis({
    ...{ host, port: Number(port), lazyConnect: true, maxRetriesPerRequest: 0, protocol: 2 },
    ...{ retryStrategy: () => null, enableReadyCheck: false },
  })
  redis.on('error', () => undefined)
  try {
    await redis.connect().catch(() => leave(`nobody answers at ${direct}`))
    const say = async (name: string, ...args: (string | Buffer)[]): Promise<string> => {
      try {
        return String(await redis.call(name, ...args))
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error)
        if (text.startsWith('NOAUTH')) return leave('the listener wants a password')
        return `-${text}`
      }
    }
    await use({ job, exchange, say })
  } finally {
    redis.disconnect()
    exchange.leave()
  }
}

const direct = (
  rule: string,
  title: string,
  use: (call: Call, stage: FrontStage) => Promise<void>,
): FrontCase => ({ rule, title, run: (stage) => withListener(stage, (call) => use(call, stage)) })

export const directCases: FrontCase[] = [
  direct(
    'P-141',
    'INFO tells tempest_boot, the boot in the id of the job',
    async ({ job, say }) => {
      const boot = /^tempest_boot:(\w+)/m.exec(await say('INFO'))?.[1]
      checkEqual(boot, job.id.split('-')[0], 'tempest_boot')
    },
  ),
  direct('P-140', 'answer is OK, a second one GONE', async ({ job, exchange, say }) => {
    const result = JSON.stringify([200, {}, 'straight'])
    checkEqual(await say('ANSWER', job.id, result), 'OK', 'the reply')
    checkResponse(await exchange.response, { status: 200, body: 'straight' })
    const second = await say('answer', job.id, result)
    check(second.startsWith('-GONE'), '-GONE', second)
  }),
  direct('P-28', 'The argument of answer may be MessagePack', async ({ job, exchange, say }) => {
    const result = pack([200, {}, Buffer.from('fffe', 'hex')])
    checkEqual(await say('answer', job.id, result), 'OK', 'the reply')
    checkResponse(await exchange.response, { status: 200, hex: 'fffe' })
  }),
  direct(
    'P-140',
    'head, chunk and end are commands, the bytes of a chunk as they are',
    async (call) => {
      const { job, exchange, say } = call
      checkEqual(await say('head', job.id, '[200,{}]'), 'OK', 'the reply to head')
      checkEqual(await say('chunk', job.id, '{"base64":"aGk="}', '0'), 'OK', 'the reply to chunk')
      checkEqual(await say('end', job.id, '1'), 'OK', 'the reply to end')
      checkResponse(await exchange.response, { status: 200, body: '{"base64":"aGk="}' })
    },
  ),
  direct('P-32', 'The attempt after a loss may overtake it', async (call, stage) => {
    const { job, exchange, say } = call
    const next = `${job.id}.2`
    checkEqual(await say('head', next, '[200,{}]'), 'OK', 'the reply to its head')
    await stage.reply(job, ['lost', job.id, { final: false }])
    const old = await say('answer', job.id, '[200,{},"old"]')
    check(old.startsWith('-FENCED'), '-FENCED to the attempt before', old)
    checkEqual(await say('chunk', next, 'new', '0'), 'OK', 'the reply to its chunk')
    await say('end', next, '1')
    checkResponse(await exchange.response, { status: 200, body: 'new' })
  }),
  direct(
    'P-140',
    'An attempt that cannot be is FENCED, what is malformed an error',
    async ({ job, say }) => {
      const fenced = await say('head', `${job.id}.1000`, '[200,{}]')
      check(fenced.startsWith('-FENCED'), '-FENCED', fenced)
      const malformed = await say('answer', job.id)
      check(malformed.startsWith('-ERR'), '-ERR', malformed)
    },
  ),
]
