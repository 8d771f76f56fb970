/** MessagePack as this package writes and reads it, beside JSON: nothing that arrives can do harm, and both carry the same. */
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { toTagged } from '../../../test/helpers/tagged'
import { jobText, jobValues, pushedJob } from '../src/exchange/ask'
import { packedFrom } from '../src/wire/encoding'
import { decodeJob, isReservedAction, packJob } from '../src/wire/job'
import { pack } from '../src/wire/msgpack/pack'
import { toPlain } from '../src/wire/msgpack/plain'
import { respell } from '../src/wire/msgpack/respell'
import { Fault } from '../src/wire/msgpack/tokens'
import { unpack } from '../src/wire/msgpack/unpack'
import { decodeValue } from '../src/wire/value'
import { decodeEntry } from '../src/wire/verb'

/** What JSON carries, keys that it alone can have left out: minus zero is zero there. */
const jsonValue = fc
  .jsonValue()
  .map((value): unknown => JSON.parse(JSON.stringify(value).replaceAll('__proto__', 'proto')))
const action = fc.string({ minLength: 1 }).filter((text) => !isReservedAction(text))
const bytes = fc.uint8Array().map((each) => Buffer.from(each))

const roundTrip = (value: unknown): unknown => unpack(pack(value))

describe('what is written', () => {
  test('comes back as JSON would bring it', () => {
    fc.assert(
      fc.property(jsonValue, (value) => {
        expect(roundTrip(value)).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  test('keeps any bytes, wherever they are', () => {
    fc.assert(
      fc.property(bytes, fc.string(), (given, text) => {
        expect(roundTrip({ a: [given, { text }] })).toEqual({
          a: [given, { text: Buffer.from(text).toString() }],
        })
      }),
    )
  })

  test.each([
    ['undefined in an object is left out', { a: undefined, b: 1 }, { b: 1 }],
    ['undefined in an array is null', [undefined, 1], [null, 1]],
    ['a gap in an array is null', Object.assign([], { 1: 'b' }), [null, 'b']],
    ['a function is left out', { a: () => 1 }, {}],
    ['a Date is the text JSON makes of it', new Date(0), '1970-01-01T00:00:00.000Z'],
    ['a Map is what JSON makes of it', new Map([[1, 2]]), {}],
    ['a toJSON is asked', { a: { toJSON: (key: string) => `${key}!` } }, { a: 'a!' }],
    ['boxed values are their values', [Object('a'), Object(1), Object(false)], ['a', 1, false]],
    ['the key __proto__ is left out', JSON.parse('{"__proto__":1,"a":2}'), { a: 2 }],
    ['half a surrogate pair is what UTF-8 has for it', 'a\ud800', 'a\ufffd'],
    ['… in a key, too', { 'a\ud800': 1 }, { 'a\ufffd': 1 }],
    ['NaN and infinity stay', [NaN, Infinity, -Infinity], [NaN, Infinity, -Infinity]],
    ['bytes stay', new Uint8Array([1, 255]), Buffer.from([1, 255])],
    ['a BigInt that a number can hold is a number', 5n, 5],
    ['one that it cannot hold is a BigInt', 2n ** 64n - 1n, 2n ** 64n - 1n],
    ['the same below zero', -(2n ** 63n), -(2n ** 63n)],
  ])('%s', (_name, value, back) => {
    expect(toTagged(roundTrip(value))).toEqual(toTagged(back))
  })

  test.each([
    ['a whole number of 53 bits', 1795227798640, 'd3000001a1fbea4c70'],
    ['a float', 0.5, 'cb3fe0000000000000'],
    ['a small object', { a: 1 }, '81a16101'],
    ['a BigInt beyond 63 bits', 2n ** 63n, 'cf8000000000000000'],
    ['bytes', Buffer.from('ff', 'hex'), 'c401ff'],
  ])('%s is packed as every reader takes it', (_name, value, hex) => {
    expect(pack(value).toString('hex')).toBe(hex)
  })

  test.each([
    ['a BigInt of more than 64 bits', 2n ** 64n],
    ['one below 64 bits', -(2n ** 63n) - 1n],
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    ['undefined', undefined],
  ])('%s cannot be sent', (_name, value) => {
    expect(() => pack(value)).toThrow(TypeError)
  })

  test('a circle is a TypeError that says so', () => {
    const circle: unknown[] = []
    circle.push(circle)
    expect(() => pack(circle)).toThrow(/deeper than 120, or in a circle/)
  })

  test('knows about how large it is', () => {
    fc.assert(
      fc.property(fc.oneof(jsonValue, bytes), (value) => {
        const { size = 0 } = toPlain(value) ?? {}
        // Characters, of which UTF-8 makes up to three bytes.
        expect(size * 3).toBeGreaterThanOrEqual(pack(value).length - 9)
      }),
    )
  })

  test('shares nothing with what was given', () => {
    const given = { bytes: Buffer.from('abc'), list: [1] }
    const plain = toPlain(given)
    given.bytes[0] = 0
    given.list.push(2)
    expect(unpack(pack(Object.fromEntries(plain?.value as Map<string, unknown>)))).toEqual({
      bytes: Buffer.from('abc'),
      list: [1],
    })
  })
})

describe('what is read', () => {
  test('may be any bytes: they are a value or a Fault', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (given) => {
        const buffer = Buffer.from(given)
        expect(isValueOrFault(buffer)).toBe(true)
        for (const first of [0x94, 0x9f, 0xdc, 0xdd]) {
          const entry = Buffer.concat([Buffer.from([first]), buffer])
          expect(isValueOrFault(entry)).toBe(true)
          decodeJob(entry)
          decodeEntry(entry)
        }
      }),
      { numRuns: 2000 },
    )
  })

  test('may be a job with any of its bytes changed', () => {
    const job = pack([
      'url',
      [{ url: '/', meta: { v: 1 }, body: Buffer.alloc(40, 0xfe) }],
      'm',
      'x',
    ])
    for (let at = 0; at < job.length; at++) {
      for (let byte = 0; byte < 256; byte++) {
        const other = Buffer.from(job)
        other[at] = byte
        expect(isValueOrFault(other)).toBe(true)
      }
    }
  })

  test('may be cut anywhere: then it is a Fault', () => {
    const job = pack([
      'url',
      [{ url: '/', n: 2 ** 40, f: 0.5, body: Buffer.alloc(300) }],
      null,
      'x',
    ])
    for (let length = 0; length < job.length; length++) {
      expect(() => unpack(job.subarray(0, length))).toThrow(Fault)
    }
  })

  test('takes no memory for lengths that are only said', () => {
    const before = process.memoryUsage().heapTotal
    for (const hex of ['ddffffffff', 'dfffffffff', '91ddffffffff', 'dd10000000c0', 'c6ffffffff']) {
      expect(() => unpack(Buffer.from(hex, 'hex'))).toThrow(Fault)
    }
    expect(process.memoryUsage().heapTotal - before).toBeLessThan(64 * 1024 * 1024)
  })

  test.each([
    ['arrays', '90'],
    ['maps', '80'],
    ['bytes', 'c400'],
    ['timestamps', 'd6ff00000001'],
    ['texts that are none', 'a1ff'],
  ])('is refused where there are too many %s in it: they take many times their bytes', (_, hex) => {
    const many = (count: number): Buffer => {
      const head = Buffer.from('dd00000000', 'hex')
      head.writeUInt32BE(count, 1)
      return Buffer.concat([head, Buffer.from(hex.repeat(count), 'hex')])
    }
    expect(() => unpack(many(2_000_000))).toThrow(Fault)
    expect(unpack(many(10_000))).toHaveLength(10_000)
  })

  test('nested a million times is a Fault, not the end of the stack', () => {
    for (const open of ['91', '81a161', '92c0']) {
      const bomb = Buffer.from(open.repeat(1_000_000) + 'c0', 'hex')
      expect(() => unpack(bomb)).toThrow(Fault)
      expect(decodeJob(Buffer.concat([Buffer.from([0x94]), bomb]))).toHaveProperty('malformed')
    }
  })

  test('is copied: who writes into it changes nothing that is kept', () => {
    const raw = pack(['a', Buffer.from('body')])
    const before = raw.toString('hex')
    const [, body] = unpack(raw) as [string, Buffer]
    body.fill(0)
    expect(raw.toString('hex')).toBe(before)
  })

  test('tells by its first byte what it is, behind white space as well', () => {
    for (let byte = 0; byte < 256; byte++) {
      const packed = (byte >= 0x90 && byte <= 0x9f) || byte === 0xdc || byte === 0xdd
      expect(packedFrom(Buffer.from([byte]))).toBe(packed ? 0 : -1)
      expect(packedFrom(Buffer.from([0x20, 0x0a, byte]))).toBe(packed ? 2 : -1)
    }
    expect(packedFrom(Buffer.alloc(0))).toBe(-1)
    expect(packedFrom(Buffer.from('  '))).toBe(-1)
  })

  test('alone, is MessagePack from the byte 80 on', () => {
    for (const value of [[1], { a: 1 }, 'x', null, true, -5, 200, 1.5, Buffer.from('b')]) {
      expect(decodeValue(pack(value))).toEqual(value)
    }
    expect(decodeValue(Buffer.from('5'))).toBe(5)
    expect(() => decodeValue(Buffer.from([5]))).toThrow(SyntaxError)
  })
})

describe('a job', () => {
  test('is the same in both encodings', () => {
    fc.assert(
      fc.property(action, fc.array(jsonValue), fc.string(), (name, args, id) => {
        const text = Buffer.from(id).toString()
        const verb = Buffer.from(name).toString()
        const json = decodeJob(Buffer.from(pushedJob(verb, args, text)))
        const packed = decodeJob(Buffer.from(pushedJob(verb, args, text, 'msgpack')))
        const { encoding, ...rest } = packed as typeof packed & { encoding: string }
        expect(encoding).toBe('msgpack')
        expect(rest).toEqual(json)
      }),
    )
  })

  test('has room for metadata in the same cases', () => {
    const cases = [[], [1], [{}], [{ a: 1 }, 2], [[]], [new Map()], [new Date()], ['x']]
    for (const args of cases) {
      expect(jobValues('add', args).first !== undefined).toBe(
        jobText('add', args).after !== undefined,
      )
    }
  })

  test.each([
    ['metadata of its own', [{ meta: 1 }]],
    ['a function', [() => 1]],
    ['no array', { 0: 1 }],
    ['a BigInt that is too large', [{ n: 2n ** 70n }]],
  ])('with %s is a TypeError', (_name, args) => {
    expect(() => jobValues('add', args as unknown[])).toThrow(TypeError)
    expect(() => pushedJob('add', args as unknown[], 'i', 'msgpack')).toThrow(TypeError)
  })

  test('of a further attempt differs in its id and its number only', () => {
    const meta = { v: 1, deadline: 1, attempt: 1, retry: true, epoch: '', request_id: 'r' }
    fc.assert(
      fc.property(
        fc.array(fc.oneof(jsonValue, bytes)),
        fc.option(fc.constant(meta)),
        fc.string(),
        fc.integer({ min: 2, max: 2 ** 31 }),
        (rest, given, text, attempt) => {
          const id = Buffer.from(text).toString()
          const args = (number: number): unknown[] => {
            const first = given ? [{ a: { meta: 5 }, meta: { ...meta, attempt: number } }] : []
            return [...first, ...rest].map((arg) => toPlain(arg)?.value)
          }
          const job = { action: 'do', respondTo: 'm' }
          const before = packJob({ ...job, args: args(1), id })
          const after = packJob({ ...job, args: args(attempt), id: `${id}.${attempt}` })
          expect(respell(before, `${id}.${attempt}`, given ? attempt : undefined)).toEqual(after)
        },
      ),
    )
  })

  test('of a further attempt is a job still, whatever stands where its metadata should', () => {
    for (const meta of [5, [1, 2, 3], 'x', null, { attempt: { attempt: 1 } }, {}]) {
      const raw = packJob({
        action: 'do',
        args: [toPlain({ meta })?.value],
        respondTo: 'm',
        id: 'i',
      })
      expect(decodeJob(respell(raw, 'i.2', 2))).toMatchObject({ action: 'do', id: 'i.2' })
    }
  })
})

function isValueOrFault(given: Buffer): boolean {
  try {
    unpack(given)
    return true
  } catch (error) {
    return error instanceof Fault
  }
}
