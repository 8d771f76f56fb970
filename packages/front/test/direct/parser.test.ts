/** Commands as clients of any age send them: cut anywhere, exact, and never more memory than what came. */
import { afterEach, describe, expect, jest, test } from '@jest/globals'
import fc from 'fast-check'
import { CommandParser, type ParserLimits, ProtocolError } from '../../src/direct/parser'

const limits: ParserLimits = { maxArgs: 20, maxBulkBytes: 1000, maxInlineBytes: 200 }
const parserWith = (changed: Partial<ParserLimits> = {}) =>
  new CommandParser({ ...limits, ...changed })

type Command = readonly (string | Buffer)[]

function encode(command: Command): Buffer {
  const parts = command.map((arg) => Buffer.from(arg as string, 'latin1'))
  const bulks = parts.flatMap((part) => [
    Buffer.from(`$${part.length}\r\n`),
    part,
    Buffer.from('\r\n'),
  ])
  return Buffer.concat([Buffer.from(`*${parts.length}\r\n`), ...bulks])
}

function drain(parser: CommandParser): Buffer[][] {
  const commands: Buffer[][] = []
  for (let next = parser.next(); next !== undefined; next = parser.next()) commands.push(next)
  return commands
}

const texts = (commands: readonly (readonly Buffer[])[]): string[][] =>
  commands.map((args) => args.map((arg) => arg.toString('latin1')))

function parse(...chunks: (string | Buffer)[]): string[][] {
  const parser = parserWith()
  return chunks.flatMap((chunk) => {
    parser.feed(Buffer.from(chunk as string, 'latin1'))
    return texts(drain(parser))
  })
}

/** What the parser says of it; it must be a ProtocolError, stay one, and leave nothing held. */
function faultOf(bytes: string | Buffer, changed: Partial<ParserLimits> = {}): string {
  const parser = parserWith(changed)
  parser.feed(Buffer.from(bytes as string, 'latin1'))
  let fault: unknown
  try {
    drain(parser)
  } catch (thrown) {
    fault = thrown
  }
  expect(fault).toBeInstanceOf(ProtocolError)
  parser.feed(Buffer.from('PING\r\n'))
  expect(parser.bytes).toBe(0)
  expect(() => parser.next()).toThrow(ProtocolError)
  return (fault as Error).message
}

describe('commands', () => {
  test.each<[string, string[][]]>([
    ['*1\r\n$4\r\nPING\r\n', [['PING']]],
    ['*2\r\n$4\r\nECHO\r\n$0\r\n\r\n', [['ECHO', '']]],
    ['*1\r\n$0\r\n\r\n', [['']]],
    ['*2\r\n$1\r\n\0\r\n$4\r\n\r\n\r\n\r\n', [['\0', '\r\n\r\n']]],
    ['*0\r\n*-1\r\n\r\n\n*1\r\n$1\r\nx\r\n', [['x']]],
    ['*01\r\n$01\r\nx\r\n', [['x']]],
    ['PING\r\n', [['PING']]],
    ['PING\n', [['PING']]],
    ['  SET\t a  \tb \r\n', [['SET', 'a', 'b']]],
    ['   \r\nPING\r\n', [['PING']]],
    ['PING\r\n*1\r\n$4\r\nPING\r\nECHO x\n', [['PING'], ['PING'], ['ECHO', 'x']]],
    ['ECHO "a b"\r\n', [['ECHO', 'a b']]],
    ["ECHO 'a b'\r\n", [['ECHO', 'a b']]],
    ['ECHO a"b c"\r\n', [['ECHO', 'ab c']]],
    ['ECHO "" \'\'\r\n', [['ECHO', '', '']]],
    ['ECHO "\\n\\r\\t\\b\\a\\x41\\xfF\\"\\\\"\r\n', [['ECHO', '\n\r\t\b\x07A\xff"\\']]],
    ['ECHO "\\x0\\xzz\\q"\r\n', [['ECHO', 'x0xzzq']]],
    ["ECHO 'a\\'b\\n\"'\r\n", [['ECHO', 'a\'b\\n"']]],
    ['ECHO a\\nb\r\n', [['ECHO', 'a\\nb']]],
    ['ECHO "it\'s" *1 $5\r\n', [['ECHO', "it's", '*1', '$5']]],
    ['ECHO a\0b \xff\r\n', [['ECHO', 'a\0b', '\xff']]],
  ])('%j are %j, wherever they are cut', (bytes, commands) => {
    expect(parse(bytes)).toEqual(commands)
    for (let at = 1; at < bytes.length; at++) {
      expect(parse(bytes.slice(0, at), bytes.slice(at))).toEqual(commands)
    }
    expect(parse(...bytes.split(''))).toEqual(commands)
  })

  const binary = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes))
  const word = fc.stringMatching(/^[a-zA-Z0-9:$_-]{1,12}$/)
  const anArray = fc
    .array(fc.oneof(binary, word), { minLength: 1, maxLength: 6 })
    .map((args) => ({ args, bytes: encode(args) }))
  const anInline = fc
    .tuple(fc.array(word, { minLength: 1, maxLength: 6 }), fc.constantFrom('\n', '\r\n'))
    .map(([args, end]) => ({ args, bytes: Buffer.from(args.join(' ') + end) }))
  const aQuoted = fc
    .array(binary, { minLength: 1, maxLength: 3 })
    .map((args) => ({ args, bytes: Buffer.from(`${args.map(inQuotes).join(' ')}\r\n`) }))
  const inQuotes = (arg: Buffer): string => `"${arg.toString('hex').replace(/../g, '\\x$&')}"`

  test('come out as they were and in order, whatever they hold and wherever they are cut', () => {
    const all = fc.array(fc.oneof(anArray, anInline, aQuoted), { maxLength: 12 })
    fc.assert(
      fc.property(all, fc.array(fc.nat(), { maxLength: 12 }), fc.boolean(), (given, cuts, late) => {
        const parser = parserWith({ maxInlineBytes: 1000 })
        const bytes = Buffer.concat(given.map((each) => each.bytes))
        const places = cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b)
        const commands: Buffer[][] = []
        let from = 0
        for (const to of [...places, bytes.length]) {
          parser.feed(Buffer.from(bytes.subarray(from, to)))
          from = to
          // One who takes nothing for a while loses nothing.
          if (!late) commands.push(...drain(parser))
        }
        commands.push(...drain(parser))
        const expected = given.map(({ args }) => args.map((arg) => Buffer.from(arg as string)))
        expect(texts(commands)).toEqual(texts(expected))
        expect(parser.bytes).toBe(0)
      }),
      { numRuns: 300 },
    )
  })

  test('that were given out stay as they are while others come', () => {
    const parser = parserWith()
    const whole = encode(['KEEP', 'x'.repeat(50)])
    const taken: Buffer[][] = []
    for (let n = 0; n < 200; n++) {
      for (const byte of whole) parser.feed(Buffer.from([byte]))
      if (n % 3 === 0) taken.push(...drain(parser))
    }
    taken.push(...drain(parser))
    expect(texts(taken)).toEqual(Array.from({ length: 200 }, () => ['KEEP', 'x'.repeat(50)]))
  })

  test('within one chunk are parts of it, not copies', () => {
    const parser = parserWith()
    const chunk = Buffer.concat([encode(['GET', 'a']), encode(['GET', 'b'])])
    parser.feed(chunk)
    const [first, second] = drain(parser)
    for (const args of [first, second]) expect(args?.[1]?.buffer).toBe(chunk.buffer)
  })
})

describe('what is no command', () => {
  test.each([
    ['*x\r\n', 'invalid multibulk length'],
    ['*\r\n', 'invalid multibulk length'],
    ['*+1\r\n', 'invalid multibulk length'],
    ['*-2\r\n', 'invalid multibulk length'],
    ['*-0', 'invalid multibulk length'],
    ['*1\n', 'invalid multibulk length'],
    ['*1\rx', 'invalid multibulk length'],
    ['*1 \r\n', 'invalid multibulk length'],
    ['*00000000001', 'invalid multibulk length'],
    ['*1\r\n$x', 'invalid bulk length'],
    ['*1\r\n$\r\n', 'invalid bulk length'],
    ['*1\r\n$-1\r\n', 'invalid bulk length'],
    ['*1\r\n$4\n', 'invalid bulk length'],
    ['*1\r\n:1\r\n', 'expected \'$\', got ":"'],
    ['*1\r\nPING\r\n', 'expected \'$\', got "P"'],
    ['*1\r\n\r\n', 'expected \'$\', got "\\r"'],
    ['*1\r\n$4\r\nPINGxx', 'a bulk is not as long as it was said to be'],
    ['*1\r\n$4\r\nPIN\r\n$', 'a bulk is not as long as it was said to be'],
    ['"a\r\n', 'unbalanced quotes in request'],
    ["'a\r\n", 'unbalanced quotes in request'],
    ['"a"b\r\n', 'unbalanced quotes in request'],
    ['a"\r\n', 'unbalanced quotes in request'],
    ['"a\\"\r\n', 'unbalanced quotes in request'],
    ['"\\\r\n', 'unbalanced quotes in request'],
  ])('%j: %s', (bytes, message) => expect(faultOf(bytes)).toBe(message))

  test('is found behind what is one, which is given out first', () => {
    const parser = parserWith()
    parser.feed(Buffer.from('PING\r\n*1\r\n!'))
    expect(parser.next()?.toString()).toBe('PING')
    expect(() => parser.next()).toThrow(ProtocolError)
  })

  test('nested deep is refused at the second array', () => {
    expect(faultOf('*1\r\n'.repeat(20_000))).toBe('expected \'$\', got "*"')
  })

  test('throws nothing but ProtocolError, and what is held of it is within the limits', () => {
    const token = fc.constantFrom(
      '*',
      '$',
      '\r\n',
      '\n',
      '-1',
      '1',
      '3',
      '99',
      '"',
      "'",
      '\\x',
      ' ',
    )
    const garbage = fc.oneof(
      fc.array(token, { maxLength: 60 }).map((parts) => Buffer.from(parts.join(''))),
      fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
    )
    const few = { maxArgs: 3, maxBulkBytes: 8, maxInlineBytes: 16 }
    // A header, and of each argument its length, itself and two line ends.
    const most = 5 + few.maxArgs * (few.maxBulkBytes + 14) + few.maxInlineBytes
    fc.assert(
      fc.property(garbage, fc.integer({ min: 1, max: 9 }), (bytes, step) => {
        const parser = parserWith(few)
        try {
          for (let at = 0; at < bytes.length; at += step) {
            parser.feed(Buffer.from(bytes.subarray(at, at + step)))
            drain(parser)
            expect(parser.bytes).toBeLessThanOrEqual(most)
          }
        } catch (thrown) {
          if (!(thrown instanceof ProtocolError)) throw thrown
          expect(parser.bytes).toBe(0)
        }
      }),
      { numRuns: 1000 },
    )
  })
})

describe('limits', () => {
  test.each<[string, Partial<ParserLimits>, string, string]>([
    ['arguments', { maxArgs: 2 }, '*2\r\n$1\r\na\r\n$1\r\nb\r\n', '*3'],
    ['bytes of a bulk', { maxBulkBytes: 12 }, '*1\r\n$12\r\nabcdefghijkl\r\n', '*1\r\n$13'],
    ['bytes of a line', { maxInlineBytes: 4 }, 'PING\n', 'PINGX'],
    ['bytes of a whole line', { maxInlineBytes: 4 }, 'PING\n', 'PINGX\n'],
    ['arguments of a line', { maxArgs: 2 }, 'a b\n', 'a b c\n'],
  ])(
    'of %s hold: the most is taken, and more refused as soon as it is known',
    (_, set, most, more) => {
      const parser = parserWith(set)
      parser.feed(Buffer.from(most))
      expect(drain(parser)).toHaveLength(1)
      faultOf(more, set)
    },
  )

  test('may be exchanged between two commands of one chunk', () => {
    const parser = parserWith({ maxBulkBytes: 4 })
    parser.feed(Buffer.concat([encode(['AUTH', 'pw']), encode(['PUSH', 'longer'])]))
    expect(parser.next()).toHaveLength(2)
    parser.limits = limits
    expect(texts(drain(parser))).toEqual([['PUSH', 'longer']])
  })
})

describe('what is held', () => {
  const large = 16 * 1024 * 1024
  const prototype = Buffer.prototype as Buffer

  afterEach(() => void jest.restoreAllMocks())

  test('is what has come, whatever length was declared', () => {
    const parser = parserWith({ maxBulkBytes: large })
    const before = process.memoryUsage().arrayBuffers
    const many = Array.from({ length: 200 }, () => {
      const each = parserWith({ maxBulkBytes: large })
      each.feed(Buffer.from(`*1\r\n$${large}\r\n`))
      each.feed(Buffer.from('ten bytes.'))
      expect(each.next()).toBeUndefined()
      return each.bytes
    })
    expect(new Set(many)).toEqual(new Set([25]))
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(large)
    expect(parser.bytes).toBe(0)
  })

  test('of a large bulk is copied a few times in all, not at each piece', () => {
    const parser = parserWith({ maxBulkBytes: large })
    const whole = encode(['PUSH', Buffer.alloc(large, 7)])
    const copies = jest.spyOn(prototype, 'copy')
    for (let at = 0; at < whole.length; at += 65_536) {
      parser.feed(whole.subarray(at, at + 65_536))
      if (at + 65_536 < whole.length) expect(parser.next()).toBeUndefined()
    }
    expect(parser.next()?.[1]?.length).toBe(large)
    const copied = copies.mock.results.reduce((sum, { value }) => sum + Number(value), 0)
    expect(copied).toBeGreaterThan(large)
    expect(copied).toBeLessThan(4 * whole.length)
    expect(parser.next()).toBeUndefined()
    expect(parser.bytes).toBe(0)
  })

  test('of a line that comes byte by byte is looked at once', () => {
    const parser = parserWith({ maxInlineBytes: 50_000 })
    const searches = jest.spyOn(prototype, 'indexOf')
    for (let n = 0; n < 50_000; n++) {
      parser.feed(Buffer.from('a'))
      parser.next()
    }
    const { calls, contexts } = searches.mock
    const held = (contexts as unknown as Buffer[]).map(({ length }) => length)
    const looked = held.map((length, i) => length - Number(calls[i]?.[1]))
    expect(looked.reduce((sum, each) => sum + each, 0)).toBe(50_000)
    expect(parser.bytes).toBe(50_000)
    parser.feed(Buffer.from('\n'))
    expect(parser.next()?.[0]?.length).toBe(50_000)
  })

  test('behind many commands is a copy of its own, which keeps nothing else', () => {
    const parser = parserWith()
    const chunk = Buffer.concat([
      ...Array.from({ length: 99 }, () => encode(['PING'])),
      encode(['AB']),
    ])
    parser.feed(chunk.subarray(0, -2))
    expect(drain(parser)).toHaveLength(99)
    expect(parser.bytes).toBe(encode(['AB']).length - 2)
    parser.feed(Buffer.from('\r\n'))
    const last = parser.next()?.[0]
    expect(last?.toString()).toBe('AB')
    expect(last?.buffer.byteLength).toBeLessThan(30)
  })
})
