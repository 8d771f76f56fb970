/** What is published, and what every client must make of it: the one table that all readers are held to. */

interface Seen {
  /** The name of the event. @defaultValue 'message' */
  event?: string
  data: string
}

export interface Case {
  /** Ends the sentence "a client sees …". */
  readonly name: string
  readonly payload: string | Buffer
  readonly sees: Seen
}

const text = (name: string, payload: string, data = payload): Case => ({
  name,
  payload,
  sees: { data },
})

const bytes = (name: string, payload: readonly number[], data: string): Case => ({
  name,
  payload: Buffer.from(payload),
  sees: { data },
})

const named = (name: string, event: string, data: string, payload?: string): Case => ({
  name,
  payload: payload ?? JSON.stringify([event, data]),
  sees: { event, data },
})

/** 64 KiB and a little, of characters of one to four bytes, so that every way of cutting it up cuts one in two. */
const large = 'aä€😀'.repeat(6554)

const arrays: Case[] = [
  text('the one element', '["Bob"]', 'Bob'),
  named('name and data', 'greet', 'Bob'),
  text('the element of JSON with white space', ' [ "Bob" ]\r\n', 'Bob'),
  text('an empty element', '[""]', ''),
  named('an empty element under a name', 'greet', ''),
  text('escaped characters as themselves', String.raw`["\u00e4\ud83d\ude00\/\t"]`, 'ä😀/\t'),
  text('half a surrogate pair as U+FFFD', String.raw`["a\ud83db"]`, 'a\ufffdb'),
  text('a number as its JSON', '[5]', '5'),
  text('null as its JSON', '[null]', 'null'),
  text('an object as its JSON', '[{"a": [1, "x"]}]', '{"a":[1,"x"]}'),
  text('an own __proto__ like other keys', '[{"__proto__": 1}]', '{"__proto__":1}'),
  text('an array in an array as its JSON', '[["Bob"]]', '["Bob"]'),
  text('an end in an array as data', '[["$unsubscribe"]]', '["$unsubscribe"]'),
  named('$unsubscribe as a name like others', '$unsubscribe', 'x'),
  named('an object under a name as its JSON', 'greet', '{"a":1}', '["greet",{"a": 1}]'),
  named('null under a name as its JSON', 'greet', 'null', '["greet",null]'),
  text('an empty array as text', '[]'),
  text('an array of three as text', '["a","b", "c"]'),
  text('an array of two without a name as text', '[1,"b"]'),
  text('an array with an empty name as text', '["","b"]'),
  text('an array with LF in its name as text', String.raw`["a\nb","c"]`),
  text('an array with CR in its name as text', String.raw`["a\rdata: b","c"]`),
  text('an array with NUL in its name as text', String.raw`["a\u0000b","c"]`),
  text('an array that is not closed as text', '["Bob"'),
]

const names: Case[] = [
  named('a name of any script', 'größe 大', 'x'),
  named('a name with spaces around it', ' a ', 'x'),
  named('a name with a colon', 'a: b', 'x'),
  named('the name message', 'message', 'x'),
  named('the name error as an event', 'error', 'x'),
  named('the name open as an event', 'open', 'x'),
  named('the name __proto__', '__proto__', 'x'),
]

const texts: Case[] = [
  text('text', 'Bob'),
  text('nothing at all as empty data', ''),
  text('a JSON object as text', '{"a": 1,\t"b": [2]}'),
  text('a JSON string with its quotes', '"Bob"'),
  text('a number', '42'),
  text('null', 'null'),
  text('true', 'true'),
  text('a space at the start', ' a'),
  text('nothing but spaces', '   '),
  text('a space and a tab at the end', 'a \t'),
  text('a colon at the start', ': a'),
  text('NUL', 'a\0b'),
  text('NUL alone', '\0'),
  text('NUL of an element', String.raw`["a\u0000b"]`, 'a\0b'),
  text('control characters', '\x01\x08\x0b\x0c\x1b\x7f\x85'),
  text('U+2028 and U+2029, which end no line', 'a\u2028b\u2029c'),
  text('characters of four bytes', '😀𝄞'),
  text('markup', '<script>"&amp;"</script>'),
  text('a BOM at the start', '\ufeffBob'),
  text('a BOM before an array, which makes it text', '\ufeff["Bob"]'),
  text('a BOM of an element', '["\ufeffBob"]', '\ufeffBob'),
  text('64 KiB', large),
  text('64 KiB of an element', JSON.stringify([large]), large),
  text('10,000 lines', 'ä\n'.repeat(10_000)),
]

/** CR, LF and CRLF each end a line; a client puts LF between the lines. */
const lines: Case[] = [
  text('LF', 'a\nb'),
  text('CR', 'a\rb', 'a\nb'),
  text('CRLF', 'a\r\nb', 'a\nb'),
  text('LF, then CR, as two', 'a\n\rb', 'a\n\nb'),
  text('CR twice', 'a\r\rb', 'a\n\nb'),
  text('CR, CRLF, LF', 'a\r\r\n\nb', 'a\n\n\nb'),
  text('LF at the start', '\na'),
  text('LF at the end', 'a\n'),
  text('CR at the end', 'a\r', 'a\n'),
  text('CRLF at the end', 'a\r\n', 'a\n'),
  text('LF alone', '\n'),
  text('CRLF alone', '\r\n', '\n'),
  text('empty lines', 'a\n\n\nb'),
  text('lines of an element', String.raw`["a\r\nb\rc\nd"]`, 'a\nb\nc\nd'),
  named('lines under a name', 'greet', 'a\nb', String.raw`["greet","a\rb"]`),
  text('a BOM at the start of a line', 'a\n\ufeffb'),
  text('a field in a line as text', 'a\ndata: b\nevent: evil\nid: 0-1\nretry: 1\n: c\n\nd'),
  text(
    'a forged event as text',
    'a\r\n\r\nevent: evil\r\ndata: x\r\n\r\n',
    'a\n\nevent: evil\ndata: x\n\n',
  ),
  text(
    'a forged event of CR as text',
    'a\r\revent: evil\rdata: x\r\r',
    'a\n\nevent: evil\ndata: x\n\n',
  ),
]

const broken: Case[] = [
  bytes('a byte that is no UTF-8 as U+FFFD', [0x61, 0xff, 0x62], 'a\ufffdb'),
  bytes('a character cut off at the end as U+FFFD', [0x61, 0xe2, 0x82], 'a\ufffd'),
  bytes('a character cut off in the middle as U+FFFD', [0xf0, 0x9f, 0x98, 0x61], '\ufffda'),
  bytes('an overlong LF as no line break', [0x61, 0xc0, 0x8a, 0x62], 'a\ufffd\ufffdb'),
  bytes('a surrogate as three U+FFFD', [0xed, 0xa0, 0x80], '\ufffd\ufffd\ufffd'),
  bytes('UTF-16', [0xff, 0xfe, 0x61, 0x00], '\ufffd\ufffda\0'),
  bytes('a bad byte in an element', [0x5b, 0x22, 0xff, 0x22, 0x5d], '\ufffd'),
]

export const cases: readonly Case[] = [...arrays, ...names, ...texts, ...lines, ...broken]

/** Stands before each case, so that one that goes wrong spoils no other: its data is the number of the case. */
export const MARK = 'case'

/** Comes before the table until everybody has seen it. */
export const READY = 'ready'

/** Ends the table. */
export const LAST = '["$unsubscribe"]'

/** All that a client has to listen to, as an EventSource hands out no event that nobody asked for by its name. */
export const eventNames: readonly string[] = [
  ...new Set([
    MARK,
    READY,
    'gap',
    'end',
    'evil',
    ...cases.map(({ sees }) => sees.event ?? 'message'),
  ]),
]
