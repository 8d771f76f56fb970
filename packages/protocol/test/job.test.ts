/** A job on the wire: what is one, and that nothing which is none can do harm. */
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { fieldsOf } from '../../../test/helpers/json'
import { checkAction, decodeJob, encodeJob, isReservedAction, metaOf } from '../src/wire/job'

const decode = (value: unknown): ReturnType<typeof decodeJob> =>
  decodeJob(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)))

const verbs = ['answer', 'head', 'chunk', 'end', 'fail', 'lost', 'send', 'close', 'pause', 'resume']

describe('a job', () => {
  test('is an array of exactly four: action, arguments, respond_to, id', () => {
    expect(decode(['add', [2, 3], 'tempest:mailbox:b', 'b-0-r'])).toEqual({
      action: 'add',
      args: [2, 3],
      respondTo: 'tempest:mailbox:b',
      id: 'b-0-r',
    })
  })

  test('may have nobody who waits for it', () => {
    expect(decode(['add', [], null, 'x'])).toMatchObject({ respondTo: null })
  })

  test('may have a number as its id', () => {
    expect(decode(['add', [], 'm', 17])).toMatchObject({ id: '17' })
  })

  test('may stand in white space', () => {
    expect(decode(' \r\n\t["add", [1], "m", "x"]\n ')).toMatchObject({ action: 'add', args: [1] })
  })

  test('comes through encoding and decoding as it was', () => {
    const action = fc.string({ minLength: 1 }).filter((text) => !isReservedAction(text))
    fc.assert(
      fc.property(
        action,
        fc.array(fc.jsonValue()),
        fc.option(fc.string().filter((text) => !text.startsWith('{'))),
        fc.string(),
        (name, args, respondTo, id) => {
          const job = { action: name, args, respondTo, id }
          const wire: unknown = JSON.parse(encodeJob(job))
          const carried: unknown = JSON.parse(JSON.stringify(args))
          expect(decodeJob(Buffer.from(encodeJob(job)))).toEqual({ ...job, args: carried })
          expect(wire).toHaveLength(4)
        },
      ),
    )
  })

  test('with __proto__ among its arguments changes no prototype', () => {
    const job = decode('["add",[{"__proto__":{"meta":1,"polluted":true}}],"m","x"]')
    expect(job).toMatchObject({ action: 'add' })
    const first: unknown = 'args' in job ? job.args[0] : undefined
    expect(Object.getPrototypeOf(first)).toBe(Object.prototype)
    expect(Object.keys(fieldsOf(first))).toEqual(['__proto__'])
    expect('polluted' in {}).toBe(false)
    expect(metaOf('args' in job ? job.args : [])).toBeUndefined()
  })
})

describe('what is not a job', () => {
  test.each([
    ['nothing', ''],
    ['words', 'hello'],
    ['half a job', '["add",[1],"m"'],
    ['two jobs', '["add",[],null,"1"]["add",[],null,"2"]'],
    ['a byte order mark', '\ufeff["add",[],null,"1"]'],
  ])('is not JSON: %s', (_what, text) => {
    expect(decode(text)).toEqual({ malformed: 'not JSON' })
  })

  test.each([
    ['null', null],
    ['an object', { 0: 'add', length: 4 }],
    ['a string', 'add'],
    ['three', ['add', [], null]],
    ['five', ['add', [], null, 'x', {}]],
    ['empty', []],
  ])('is not an array of four: %s', (_what, value) => {
    expect(decode(JSON.stringify(value))).toEqual({ malformed: 'not an array of four' })
  })

  test.each([
    ['respond_to', ['add', [], 1, 'x']],
    ['respond_to', ['add', [], ['m'], 'x']],
    ['respond_to', ['add', [], false, 'x']],
    ['respond_to', ['add', [], '{tempest}:held:b', 'x']],
    ['job_id', ['add', [], 'm', null]],
    ['job_id', ['add', [], 'm', ['x']]],
    ['job_id', ['add', [], 'm', true]],
  ])('has an unreadable %s, so nobody can be told: %j', (malformed, value) => {
    expect(decode(value)).toEqual({ malformed })
  })

  test.each([
    ['action', ['', [], 'm', 'x']],
    ['action', [1, [], 'm', 'x']],
    ['action', [null, [], 'm', 'x']],
    ['args', ['add', {}, 'm', 'x']],
    ['args', ['add', null, 'm', 'x']],
    ['args', ['add', 'a', 'm', 'x']],
    ...verbs.map((verb) => ['action is a verb', [verb, [], 'm', 'x']] as const),
  ])('has a wrong %s, and says whom to tell: %j', (malformed, value) => {
    expect(decode(value)).toMatchObject({ malformed, job: { respondTo: 'm', id: 'x' } })
  })

  test('never throws, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(decodeJob(Buffer.from(bytes))).toBeInstanceOf(Object)
      }),
      { numRuns: 500 },
    )
  })

  test('never throws, whatever stands in the four places', () => {
    const value = fc.oneof(fc.jsonValue(), fc.constantFrom(...verbs, 'url', '__proto__'))
    fc.assert(
      fc.property(fc.array(value, { minLength: 3, maxLength: 5 }), (values) => {
        const job = decode(values)
        if ('malformed' in job) expect(job.malformed).not.toBe('')
        else {
          expect(values).toHaveLength(4)
          expect(Array.isArray(job.args) && typeof job.id === 'string').toBe(true)
          expect(metaOf(job.args)).toBeUndefined()
        }
      }),
      { numRuns: 1000 },
    )
  })
})

describe('an action', () => {
  test.each(verbs)('is not called %s, which is a verb', (verb) => {
    expect(() => checkAction(verb)).toThrow(TypeError)
  })

  test.each(['', undefined, null, 1, {}])('is not %j', (action) => {
    expect(() => checkAction(action)).toThrow(TypeError)
  })

  test.each(['url', 'add', 'Answer', 'answers', '__proto__', 'toString'])('may be %j', (action) => {
    expect(checkAction(action)).toBe(action)
  })
})

describe('metadata', () => {
  const meta = {
    v: 1,
    deadline: 1_700_000_000_000,
    attempt: 1,
    retry: false,
    epoch: 'a.b',
    request_id: 'r',
  }

  test('is read from the first argument, with keys nobody knows', () => {
    const more = { ...meta, traceparent: '00-1-2-01', direct: 'host:1', later: [1] }
    expect(metaOf([{ url: '/', meta: more }])).toEqual(more)
  })

  test.each([
    ['no argument', []],
    ['a string', ['meta']],
    ['null', [null]],
    ['no meta', [{}]],
    ['meta in the second argument', [{}, { meta }]],
    ['meta by its prototype', [Object.create({ meta })]],
    ['meta that is null', [{ meta: null }]],
    ['meta that is a string', [{ meta: 'v1' }]],
    ['another version', [{ meta: { ...meta, v: 2 } }]],
    ['no version', [{ meta: { ...meta, v: undefined } }]],
    ['a deadline in words', [{ meta: { ...meta, deadline: '17' } }]],
    ['no deadline', [{ meta: { ...meta, deadline: null } }]],
    ['half an attempt', [{ meta: { ...meta, attempt: 1.5 } }]],
    ['retry in words', [{ meta: { ...meta, retry: 'yes' } }]],
    ['an epoch in numbers', [{ meta: { ...meta, epoch: 1 } }]],
    ['no request id', [{ meta: { ...meta, request_id: null } }]],
    ['a traceparent that is a number', [{ meta: { ...meta, traceparent: 1 } }]],
  ])('is undefined where there is %s', (_what, args) => {
    expect(metaOf(args)).toBeUndefined()
  })
})
