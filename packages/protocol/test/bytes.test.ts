/** Bytes in JSON: a string where they are valid UTF-8, else base64; nothing is lost, nothing malformed is taken. */
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { decodeBytes, encodeBytes } from '../src/wire/bytes'

/** What a reader at the other end of the wire gets. */
const overTheWire = (bytes: Uint8Array): unknown => JSON.parse(JSON.stringify(encodeBytes(bytes)))

const toBuffer = (value: string | Buffer | undefined): Buffer => Buffer.from(value ?? 'undefined')

describe('bytes', () => {
  test('come through as they were, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect([...toBuffer(decodeBytes(overTheWire(bytes)))]).toEqual([...bytes])
      }),
      { numRuns: 500 },
    )
  })

  test('that are valid UTF-8 are a string, and the string is that text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 100 }), (text) => {
        expect(encodeBytes(Buffer.from(text))).toBe(text)
      }),
    )
  })

  test('keep a byte order mark, and one within', () => {
    const bytes = Buffer.from([0xef, 0xbb, 0xbf, 0x61, 0xef, 0xbb, 0xbf])
    expect(encodeBytes(bytes)).toBe('\ufeffa\ufeff')
    expect(toBuffer(decodeBytes(overTheWire(bytes)))).toEqual(bytes)
  })

  test.each([
    ['a byte that never stands in UTF-8', [0xff]],
    ['a sequence that is cut off', [0x61, 0xe2, 0x82]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['latin1', [0xe9]],
    ['a byte order mark of UTF-16', [0xff, 0xfe, 0x61, 0x00]],
  ])('with %s are base64', (_what, bytes) => {
    expect(encodeBytes(Buffer.from(bytes))).toEqual({
      base64: Buffer.from(bytes).toString('base64'),
    })
    expect(toBuffer(decodeBytes(overTheWire(Buffer.from(bytes))))).toEqual(Buffer.from(bytes))
  })

  test('of a view are those of the view, not of the memory behind it', () => {
    const view = new Uint8Array(new Uint8Array([0xff, 0x61, 0x62, 0xff]).buffer, 1, 2)
    expect(encodeBytes(view)).toBe('ab')
  })
})

describe('what is read as bytes', () => {
  test('is no bytes where it is absent', () => {
    expect([decodeBytes(undefined), decodeBytes(null)]).toEqual(['', ''])
  })

  test.each([
    ['a number', 1],
    ['true', true],
    ['an array', ['a']],
    ['an object without base64', {}],
    ['base64 that is no string', { base64: 1 }],
    ['base64 of a wrong length', { base64: 'YWI' }],
    ['base64 with a foreign character', { base64: 'YW!=' }],
    ['base64 with white space', { base64: 'YW\n=' }],
    ['base64url', { base64: '-_-_' }],
    ['base64 with padding inside', { base64: 'YQ==YQ==' }],
    ['base64 of padding only', { base64: '====' }],
    ['base64 with three times padding', { base64: 'Y===' }],
  ])('is refused where it is %s', (_what, value) => {
    expect(decodeBytes(value)).toBeUndefined()
  })

  test('never throws, and is a string, a Buffer or refused', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string(), (value, text) => {
        for (const given of [value, { base64: value }, { base64: text }]) {
          const bytes = decodeBytes(given)
          expect(bytes === undefined || typeof bytes === 'string' || Buffer.isBuffer(bytes)).toBe(
            true,
          )
        }
      }),
    )
  })
})
