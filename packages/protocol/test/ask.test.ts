/** How the arguments of a call become the text of a job, and which are refused before anything is sent. */
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { fieldsOf } from '../../../test/helpers/json'
import { jobText, pushedJob } from '../src/exchange/ask'
import { decodeJob } from '../src/wire/job'

/** The job these arguments become, with metadata in its gap if it has one. */
const sent = (args: readonly unknown[]): unknown => {
  const { before, after } = jobText('add', args)
  const text = after === undefined ? before : `${before}{"v":1}${after}`
  return JSON.parse(`${text},"m","i"]`)
}

const circular: unknown[] = []
circular.push(circular)

describe('the text of a call', () => {
  test('has a gap for metadata at the end of the first argument where that is an object', () => {
    expect(sent([{ a: 1 }])).toEqual(['add', [{ a: 1, meta: { v: 1 } }], 'm', 'i'])
    expect(sent([{}])).toEqual(['add', [{ meta: { v: 1 } }], 'm', 'i'])
    expect(sent([{ a: { b: [] } }, { c: 1 }, 2])).toEqual([
      'add',
      [{ a: { b: [] }, meta: { v: 1 } }, { c: 1 }, 2],
      'm',
      'i',
    ])
  })

  test.each([[[]], [[1, { a: 1 }]], [[null]], [['{}']], [[[{}]]], [[true]], [[undefined, {}]]])(
    'has no gap where the first argument is none or no object: %j',
    (args) => {
      expect(jobText('add', args).after).toBeUndefined()
      expect(sent(args)).toEqual(['add', JSON.parse(JSON.stringify(args)), 'm', 'i'])
    },
  )

  test('is the arguments as JSON carries them, whatever they are', () => {
    const noMeta = fc.jsonValue().filter((value) => !Object.hasOwn(fieldsOf(value), 'meta'))
    fc.assert(
      fc.property(fc.tuple(noMeta, fc.array(fc.jsonValue())), ([first, rest]) => {
        const args = [first, ...rest]
        const wire = decodeJob(Buffer.from(JSON.stringify(sent(args))))
        const [head, ...tail] = 'args' in wire ? wire.args : []
        const carried: unknown = JSON.parse(JSON.stringify(args))
        const { meta, ...others } = fieldsOf(head)
        const isObject = head !== null && typeof head === 'object' && !Array.isArray(head)
        expect(meta).toEqual(isObject ? { v: 1 } : undefined)
        expect([isObject ? others : head, ...tail]).toEqual(carried)
        expect(decodeJob(Buffer.from(pushedJob('add', args, 'i')))).toMatchObject({
          args: carried,
          respondTo: null,
          id: 'i',
        })
      }),
    )
  })

  test('treats an argument that says itself how it is written as what that is', () => {
    const at = new Date(0)
    expect(sent([at])).toEqual(['add', [at.toISOString()], 'm', 'i'])
    expect(sent([{ toJSON: () => ({ a: 1 }) }])).toEqual([
      'add',
      [{ a: 1, meta: { v: 1 } }],
      'm',
      'i',
    ])
  })

  test('lets nobody set metadata by the way an argument is written', () => {
    expect(sent([{ toJSON: () => ({ meta: 'mine' }) }])).toEqual([
      'add',
      [{ meta: { v: 1 } }],
      'm',
      'i',
    ])
    expect(sent([Object.create({ meta: 'inherited' })])).toEqual([
      'add',
      [{ meta: { v: 1 } }],
      'm',
      'i',
    ])
  })

  test('is null where an argument is undefined or a gap in the array', () => {
    const gaps: unknown[] = [undefined, 1]
    gaps.length = 3
    const hole: unknown[] = []
    hole[1] = 'b'
    expect(sent(gaps)).toEqual(['add', [null, 1, null], 'm', 'i'])
    expect(sent(hole)).toEqual(['add', [null, 'b'], 'm', 'i'])
    expect(JSON.parse(pushedJob('add', hole, 'i'))).toEqual(['add', [null, 'b'], null, 'i'])
  })
})

describe.each([
  ['asked', (args: never) => jobText('add', args)],
  ['pushed', (args: never) => pushedJob('add', args, 'i')],
])('what is %s', (_how, call) => {
  const calling = (args: unknown) => () => void Reflect.apply(call, undefined, [args])

  test.each([
    ['a function', [() => 1]],
    ['a function further on', [1, () => 1]],
    ['a symbol', [Symbol('s')]],
    ['a BigInt', [1n]],
    ['a BigInt inside', [{ n: 1n }]],
    ['a circle', circular],
    ['meta as a key of the first', [{ meta: 1 }]],
    ['meta that is undefined', [{ meta: undefined }]],
    ['no array', { 0: 1, length: 1 }],
    ['words', 'args'],
    ['null', null],
  ])('is refused with a TypeError where its arguments are %s', (_what, args) => {
    expect(calling(args)).toThrow(TypeError)
  })

  test('may have meta as a key of any other argument, or deeper', () => {
    expect(calling([{ a: { meta: 1 } }, { meta: 2 }])).not.toThrow()
  })
})

test.each(['', 'answer', 'lost', 7, undefined])('an action is never %j', (action) => {
  expect(() => void Reflect.apply(jobText, undefined, [action, []])).toThrow(TypeError)
  expect(() => void Reflect.apply(pushedJob, undefined, [action, [], 'i'])).toThrow(TypeError)
})
