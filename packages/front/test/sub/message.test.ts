/** From a payload to a server-sent event: what is data, what is a name, and that nothing can forge a field. */
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { EventParser } from '../../../../test/helpers/event-parser'
import { encodeMessage, readMessage } from '../../src/sub/message'

const say = (payload: string | Buffer, id?: string): string =>
  encodeMessage(id, readMessage(Buffer.from(payload))).toString()

describe('a payload', () => {
  test.each([
    ['["Bob"]', 'data: Bob\n\n'],
    ['["name","x"]', 'event: name\ndata: x\n\n'],
    [' \n["name","x"]', 'event: name\ndata: x\n\n'],
    ['["$unsubscribe"]', 'event: end\ndata: \n\n'],
    ['["$unsubscribe","x"]', 'event: $unsubscribe\ndata: x\n\n'],
    ['[""]', 'data: \n\n'],
    ['["name",""]', 'event: name\ndata: \n\n'],
    ['[{"a":1}]', 'data: {"a":1}\n\n'],
    ['["name",[1,2]]', 'event: name\ndata: [1,2]\n\n'],
    ['[null]', 'data: null\n\n'],
    ['[]', 'data: []\n\n'],
    ['[1,"x"]', 'data: [1,"x"]\n\n'],
    ['["a","b","c"]', 'data: ["a","b","c"]\n\n'],
    ['["","x"]', 'data: ["","x"]\n\n'],
    ['["a\\nb","x"]', 'data: ["a\\nb","x"]\n\n'],
    ['["a\\u0000","x"]', 'data: ["a\\u0000","x"]\n\n'],
    ['plain', 'data: plain\n\n'],
    ['', 'data: \n\n'],
    ['"ab"', 'data: "ab"\n\n'],
    ['{"a":1}', 'data: {"a":1}\n\n'],
    ['17', 'data: 17\n\n'],
    ['null', 'data: null\n\n'],
    ['["half', 'data: ["half\n\n'],
    [
      '["a\\nid: 1\\r\\n\\r\\nevent: b\\rc"]',
      'data: a\ndata: id: 1\ndata: \ndata: event: b\ndata: c\n\n',
    ],
    ['a\rb\r\nc\nd', 'data: a\ndata: b\ndata: c\ndata: d\n\n'],
    ['\ufeffx', 'data: \ufeffx\n\n'],
  ])('%j is sent as %j', (payload, event) => {
    expect(say(payload)).toBe(event)
  })

  test('nested deeper than can be followed is data as it stands', () => {
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`
    expect(say(deep)).toBe(`data: ${deep}\n\n`)
    expect(say(`["name",${deep}]`)).toBe(`data: ["name",${deep}]\n\n`)
  })

  test('that is not UTF-8 arrives with U+FFFD in place of what is not', () => {
    expect(say(Buffer.from([0x61, 0xff, 0x62]))).toBe('data: a\ufffdb\n\n')
  })

  test('has its id first', () => {
    expect(say('["n","x"]', '1-2')).toBe('id: 1-2\nevent: n\ndata: x\n\n')
  })

  test('of any bytes is exactly one event, with no field but its own', () => {
    const part = fc.oneof(
      fc.string(),
      fc.constantFrom('\r', '\n', '\r\n', 'id: 9', 'retry: 1', ': ', '\0'),
    )
    const text = fc.array(part).map((parts) => parts.join(''))
    const payload = fc.oneof(
      text,
      text.map((data) => JSON.stringify([data])),
      fc.tuple(text, text).map((both) => JSON.stringify(both)),
      fc.json(),
    )
    fc.assert(
      fc.property(payload, (given) => {
        const blocks: { id: string | undefined; data: string | undefined }[] = []
        const other: unknown[] = []
        const parser = new EventParser({
          comment: (comment) => other.push(comment),
          retry: (ms) => other.push(ms),
          block: (block) => blocks.push(block),
        })
        parser.push(Buffer.from(say(given, '7-7')))
        expect(other).toEqual([])
        expect(blocks).toHaveLength(1)
        expect(blocks[0]?.id).toBe('7-7')
        const { data } = readMessage(Buffer.from(given))
        expect(blocks[0]?.data).toBe(data.replace(/\r\n|\r/g, '\n'))
      }),
    )
  })
})
