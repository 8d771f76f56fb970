/** Entries of a mailbox: which verb they are, and that everything else is told as such instead of thrown. */
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { decodeEntry, encodeAnswer, encodeFail } from '../src/wire/verb'

const decode = (value: unknown): ReturnType<typeof decodeEntry> =>
  decodeEntry(Buffer.from(JSON.stringify(value)))

describe('an entry', () => {
  test('answer carries the whole result', () => {
    const result = [200, { a: 'b' }, 'hi']
    expect(decode(['answer', 'b-0-r', result])).toEqual({ verb: 'answer', id: 'b-0-r', result })
  })

  test('url is an old alias of answer', () => {
    expect(decode(['url', 'b-0-r', 1])).toEqual({ verb: 'answer', id: 'b-0-r', result: 1 })
  })

  test('may have a number as id, and more elements than are known', () => {
    expect(decode(['answer', 17, 'r', 'more', {}])).toEqual({
      verb: 'answer',
      id: '17',
      result: 'r',
    })
  })

  test('fail carries status, code and message, each of which may be absent', () => {
    const failure = { status: 503, code: 'STOPPING', message: 'bye' }
    expect(decode(['fail', 'i', failure])).toEqual({ verb: 'fail', id: 'i', failure })
    expect(decode(['fail', 'i', {}])).toEqual({ verb: 'fail', id: 'i', failure: { message: '' } })
  })

  test('fail keeps from what it says only what it may say', () => {
    const given = { status: 500, code: 5, message: ['no'], stack: 'secret', __proto__: null }
    expect(decode(['fail', 'i', given])).toEqual({
      verb: 'fail',
      id: 'i',
      failure: { status: 500, message: '' },
    })
  })

  test.each([400, 404, 499, 500, 599])('fail may have status %d', (status) => {
    expect(decode(['fail', 'i', { status }])).toMatchObject({ failure: { status } })
  })

  test.each([
    ...[399, 600, 200, 0, -500, 999, 404.5, 1e9, '500', null, [500]].map((status) => ({ status })),
    ...[undefined, null, 'it broke', 500, [500], true],
  ])('fail tells at once that it failed, also where what it carries is no failure: %j', (third) => {
    expect(decode(['fail', 'i', third])).toEqual({
      verb: 'fail',
      id: 'i',
      failure: { code: 'BAD_REPLY', message: expect.any(String) },
    })
  })

  test.each([
    ['null', null],
    ['an object', {}],
    ['a string', 'answer'],
    ['empty', []],
    ['a verb that is a number', [1, 'i', {}]],
    ['a verb that is null', [null, 'i']],
    ['an answer without id', ['answer']],
    ['an answer whose id is null', ['answer', null, []]],
    ['an answer whose id is an array', ['answer', ['i'], []]],
    ['a fail without id', ['fail']],
    ['a fail whose id is an object', ['fail', {}, { status: 500 }]],
  ])('is malformed where it is %s', (_what, value) => {
    expect(decode(value)).toEqual({ verb: 'malformed' })
  })

  test.each(['', 'hello', '["answer","i"', '{', '\u0000', '[1]x'])(
    'is malformed where it is not JSON: %j',
    (text) => {
      expect(decodeEntry(Buffer.from(text))).toEqual({ verb: 'malformed' })
    },
  )

  test.each(['later', '', 'ANSWER', '__proto__', 'constructor', 'toString'])(
    'of the unknown verb %j is told as unknown',
    (verb) => {
      expect(decode([verb, 'i', {}])).toEqual({ verb: 'unknown' })
    },
  )

  test('never throws, whatever it is', () => {
    const verb = fc.constantFrom('answer', 'url', 'fail', 'head', 'nobody')
    const entry = fc.tuple(verb, fc.jsonValue(), fc.jsonValue()).map((it) => JSON.stringify(it))
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.json(), entry)
    const bytes = fc.oneof(
      text.map((it) => Buffer.from(it)),
      fc.uint8Array().map((it) => Buffer.from(it)),
    )
    fc.assert(
      fc.property(bytes, (given) => {
        expect(['answer', 'fail', 'head', 'broken', 'unknown', 'malformed']).toContain(
          decodeEntry(given).verb,
        )
      }),
      { numRuns: 1000 },
    )
  })

  test('comes through encoding and decoding as it was', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        fc.jsonValue(),
        fc.integer({ min: 400, max: 599 }),
        (id, value, status) => {
          const text = JSON.stringify(value)
          const result: unknown = JSON.parse(text)
          expect(decodeEntry(Buffer.from(encodeAnswer(id, text)))).toEqual({
            verb: 'answer',
            id,
            result,
          })
          const failure = { status, code: 'HANDLER_FAILED', message: id }
          expect(decodeEntry(Buffer.from(encodeFail(id, failure)))).toEqual({
            verb: 'fail',
            id,
            failure,
          })
        },
      ),
    )
  })
})
