/** Any worker: jobs as they may come, ids, and what is said to what cannot be done. Needs no particular application. */
import { check, checkEqual, show } from '../../case.js'
import { read } from '../../encoding.js'
import { until } from '../../wait.js'
import { hex } from '../job.js'
import type { WorkerCase } from '../levels.js'

const odd = (boot: string): [string, string, string][] => [
  ['P-31', 'an id with the suffix of an attempt', `${boot}-0-${hex(8)}.2`],
  ['P-30', 'an id with terms at its end', `${boot}-r3`],
  ['P-30', 'an id with quotes, backslashes and spaces', `a "b" \\ 'c' \t d-${hex(4)}`],
  ['P-30', 'an id that is not ASCII', `jöb-😀-日本-${hex(4)}`],
  ['P-30', 'an id of a thousand characters', `${'x'.repeat(1000)}-${hex(4)}`],
  ['P-30', 'an id that looks like a number', `${1e15 + Math.floor(Math.random() * 1e15)}`],
]
const names = odd('')

export const jobCases: WorkerCase[] = [
  {
    rule: 'P-41',
    title: 'An HTTP job is answered with a status, headers and a body',
    async run(stage) {
      const { status, headers } = await stage.http({})
      check(
        typeof status === 'number' && Number.isInteger(status) && status >= 200 && status <= 599,
        'a status from 200 to 599, as a number',
        status,
      )
      for (const [name, value] of Object.entries(headers)) {
        const fine = (item: unknown): boolean => typeof item === 'string' && !/[\r\n\0]/.test(item)
        const list: unknown[] = Array.isArray(value) ? value : [value]
        const number = typeof value === 'number'
        check(number || list.every(fine), 'values that are strings, numbers or arrays of strings', [
          name,
          value,
        ])
      }
    },
  },
  ...names.map(([rule, title], i): WorkerCase => ({
    rule,
    title: `The reply bears the id as it came: ${title}`,
    async run(stage) {
      const id = odd(stage.boot)[i]?.[2] ?? ''
      const attempt = id.endsWith('.2') ? 2 : 1
      const reply = await stage.ask({}, { id, meta: { attempt, retry: true, request_id: 'x' } })
      checkEqual(reply.entries[0]?.id, id, 'the id as a string')
    },
  })),
  {
    rule: 'P-10',
    title: 'A number as id stands for its text',
    async run(stage) {
      await stage.ask({}, { id: Math.floor(Math.random() * 1e9) })
    },
  },
  {
    rule: 'P-5',
    title: 'White space around and within a job is allowed',
    async run(stage) {
      const { id, text } = stage.job({})
      const spread = JSON.stringify(JSON.parse(text), undefined, '\t')
      await stage.pushRaw(` \r\n${spread.replaceAll('\n', ' \r\n')}\n\t `)
      await stage.reply(id)
    },
  },
  {
    rule: 'P-5',
    title: 'Escapes in JSON mean the characters they stand for',
    async run(stage) {
      const { id, text } = stage.job({ headers: { 'x-odd': '😀' } })
      const escaped = text
        .replace('"url"', '"\\u0075\\u0072l"')
        .replace('😀', '\\ud83d\\ude00')
        .replaceAll('/', '\\/')
      await stage.pushRaw(escaped)
      await stage.reply(id)
    },
  },
  {
    rule: 'P-5',
    title: 'Keys that nobody knows are ignored, in the request and in its metadata',
    async run(stage) {
      const later = { later: { of: [null, 1] }, __proto__: null }
      await stage.http({ ...later, url: '/' }, { meta: later })
    },
  },
  {
    rule: 'P-13',
    title: 'A job without metadata is answered',
    async run(stage) {
      await stage.http({}, { meta: null })
    },
  },
  ...[
    ['text', 'now'],
    ['null', null],
    ['an array', [1]],
    ['of another version', { v: 'later' }],
  ].map(([what, meta]): WorkerCase => ({
    rule: 'P-13',
    title: `Metadata of the wrong shape counts as none: ${show(what)}`,
    async run(stage) {
      const request = { method: 'GET', url: '/', headers: {}, remote: '127.0.0.1', meta }
      await stage.ask({}, { args: [request] })
    },
  })),
  {
    rule: 'P-12',
    title: 'Only method, url, headers and meta need be there',
    async run(stage) {
      const times = { v: 1, deadline: stage.now() + 60_000, attempt: 1 }
      const meta = { ...times, retry: true, epoch: stage.epoch, request_id: 'x' }
      await stage.http({}, { args: [{ method: 'GET', url: '/', headers: {}, meta }] })
    },
  },
  {
    rule: 'P-12',
    title: 'A header may be an array of strings',
    async run(stage) {
      await stage.http({ headers: { 'set-cookie': ['a', 'b'] } })
    },
  },
  {
    rule: 'P-12',
    title: 'A header may be named as what objects have by themselves',
    async run(stage) {
      const { id, text } = stage.job({ headers: { constructor: 'a', tostring: 'b', length: '3' } })
      await stage.pushRaw(
        text.replace('"constructor"', '"__proto__":{"polluted":"1"},"constructor"'),
      )
      await stage.reply(id)
      await stage.http({})
    },
  },
  {
    rule: 'P-10',
    title: 'The reply goes to the list that respond_to names, whatever its name',
    async run(stage) {
      const respondTo = stage.key(`conformance answers ${hex(4)}`)
      const id = await stage.push({}, { respondTo })
      const found = await until('a reply in that list', stage.options.replyMs, async () => {
        const [bytes] = await stage.redis.lrangeBuffer(respondTo, 0, 0)
        return bytes
      })
      const entry = read(found)
      checkEqual(Array.isArray(entry) ? entry[1] : entry, id, 'the id')
    },
  },
  {
    rule: 'P-10',
    title: 'No reply is sent where respond_to is null',
    async run(stage) {
      const guesses = ['null', 'None', 'nil', 'undefined', 'false', '']
      const before = await stage.redis.exists(...guesses)
      const id = await stage.push({}, { respondTo: null })
      await stage.checkSilent(id, 'nobody waits')
      checkEqual(await stage.redis.exists(...guesses), before, `lists named ${guesses.join(', ')}`)
    },
  },
  ...[
    ['with a request as argument', undefined],
    ['with numbers as arguments', [2, 3]],
    ['without arguments', []],
  ].map(([what, args]): WorkerCase => ({
    rule: 'P-11',
    title: `An action that nobody handles fails with NO_HANDLER: ${String(what)}`,
    async run(stage) {
      const { kind, failure } = await stage.ask({}, { action: 'conformance-nobody', args })
      checkEqual(kind, 'fail', 'the verb')
      checkEqual(failure['code'], 'NO_HANDLER', 'the code')
      const { status } = failure
      check(status === undefined || status === 501, 'status 501, or none', status)
    },
  })),
  {
    rule: 'P-42',
    title: 'A fail is an object with a code of P-80, a status from 400 to 599, a message',
    async run(stage) {
      const reply = await stage.ask({}, { action: 'constructor', args: [] })
      checkEqual(reply.kind, 'fail', 'the verb')
      const { status, code, message } = reply.failure
      const whole = Number.isInteger(status) && Number(status) >= 400 && Number(status) <= 599
      check(status === undefined || whole, 'a status from 400 to 599', status)
      check(
        code === undefined || (typeof code === 'string' && /^[A-Z_]+$/.test(code)),
        'a code of P-80',
        code,
      )
      check(message === undefined || typeof message === 'string', 'a message as text', message)
    },
  },
  {
    rule: 'P-47',
    title: 'A mailbox that a reply makes anew is given a time to live',
    should: true,
    async run(stage) {
      const respondTo = stage.key(`tempest:mailbox:${hex(8)}`)
      await stage.push({}, { respondTo })
      await until('EXPIRE of the mailbox, of six hours', stage.options.replyMs / 2, async () => {
        const s = await stage.redis.ttl(respondTo)
        return s > 600
      })
    },
  },
  {
    rule: 'P-14',
    title: 'A job that is past its deadline is dropped, without a reply',
    should: true,
    async run(stage) {
      const id = await stage.push({}, { deadlineMs: -5000 })
      await stage.checkSilent(id, 'its deadline was 5 s ago')
    },
  },
]
