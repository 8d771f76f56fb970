/** Any front: the vectors of entries, results and pieces, and what comes of them at the client. */
import { check, checkEqual } from '../../case.js'
import { bytesOfVector, type EntryVector, type HttpExpectation, vectors } from '../../vectors.js'
import type { FrontCase } from '../cases.js'
import { checkResponse } from '../expect.js'
import type { FrontStage, PoppedJob } from '../stage.js'

const after = [200, {}, 'what came after']

async function entryCase(stage: FrontStage, vector: EntryVector): Promise<void> {
  const { job, exchange } = await stage.begin()
  await stage.reply(job, bytesOfVector(vector, { 'job-1': job.id }))
  const { expect } = vector
  if (!expect.ignored) return checkResponse(await exchange.response, expect)
  // In the same mailbox, so it is read after what came before.
  await stage.reply(job, ['answer', job.id, after])
  checkResponse(await exchange.response, { status: 200, body: 'what came after' })
}

function named(entry: unknown[], { id }: PoppedJob): unknown[] {
  return entry.map((item) =>
    typeof item === 'string' && /^job-1(\.\d+)?$/.test(item) ? item.replace('job-1', id) : item,
  )
}

/** How many bytes the client is to have before the next write. */
function bytesBehind(writes: unknown[][], expect: HttpExpectation): number[] {
  const seen = new Set<unknown>()
  let sum = 0
  const most = expect.body === undefined ? Infinity : Buffer.byteLength(expect.body)
  return writes.map((write) => {
    for (const entry of write) {
      if (!Array.isArray(entry) || entry[0] !== 'chunk' || entry[1] !== 'job-1') continue
      const [, , bytes, n] = entry as unknown[]
      if (!seen.has(n) && n === seen.size) sum += lengthOf(bytes)
      seen.add(n)
    }
    return Math.min(sum, most)
  })
}

function lengthOf(bytes: unknown): number {
  if (typeof bytes === 'string') return Buffer.byteLength(bytes)
  const base64 = typeof bytes === 'object' && bytes && 'base64' in bytes ? bytes.base64 : ''
  return Buffer.from(String(base64), 'base64').length
}

async function runStream(
  stage: FrontStage,
  writes: unknown[][],
  expect: HttpExpectation,
  method: string,
): Promise<void> {
  const { job, exchange } = await stage.begin({ method })
  const bytes = bytesBehind(writes, expect)
  for (const [i, write] of writes.entries()) {
    await stage.reply(job, ...write.map((entry) => named(entry as unknown[], job)))
    if (i === writes.length - 1 || method === 'HEAD') continue
    const here = await exchange.arrived(bytes[i] ?? 0, stage.options.replyMs)
    check(here, `the head and ${bytes[i] ?? 0} bytes, before more is pushed`, exchange.body)
  }
  checkResponse(await exchange.response, expect)
}

export const vectorCases = (): FrontCase[] => [
  ...vectors.entries().map((vector): FrontCase => {
    const { rule, name, expect } = vector
    const end = expect.ignored ? 'is ignored' : `ends the request with ${said(expect)}`
    return { rule, title: `An entry ${end}: ${name}`, run: (stage) => entryCase(stage, vector) }
  }),
  ...vectors.replies().map(({ rule, name, method = 'GET', result, expect }): FrontCase => ({
    rule,
    title: `A result becomes ${said(expect)}: ${name}`,
    async run(stage) {
      const { job, exchange } = await stage.begin({ method })
      await stage.reply(job, ['answer', job.id, result])
      checkResponse(await exchange.response, expect)
    },
  })),
  ...vectors.streams().map(({ rule, name, method = 'GET', writes, expect }): FrontCase => ({
    rule,
    title: `A reply in pieces becomes ${said(expect)}: ${name}`,
    run: (stage) => runStream(stage, writes, expect, method),
  })),
  {
    rule: 'P-130',
    title: 'Two hundred chunks in one RPUSH arrive in their order',
    async run(stage) {
      const { job, exchange } = await stage.begin()
      const words = Array.from({ length: 200 }, (_none, n) => `${n} `)
      const chunks = words.map((word, n) => ['chunk', job.id, word, n])
      await stage.reply(job, ['head', job.id, [200, {}]], ...chunks, ['end', job.id, 200])
      const { body } = await exchange.response
      checkEqual(body.toString(), words.join(''), 'the body')
    },
  },
]

function said({ status, problem, complete }: HttpExpectation): string {
  if (problem) return `${problem.status} ${problem.code}`
  return complete === false ? 'a cut' : String(status)
}
