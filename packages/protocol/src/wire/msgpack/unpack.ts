/**
 * MessagePack to values, as a reader of JSON would have them (docs/protocol.md, P-26). Pure.
 *
 * All of it is walked through before msgpackr sees it: that would take private extensions for classes of its own, `c1` for a value, and
 * recurse as deep as the bytes say. What it understands otherwise than we do is put in other words first.
 */
import { isUtf8 } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { Unpackr } from 'msgpackr'
import { Fault, Tokens } from './tokens.js'

/** Arrays and maps in each other, the outermost included; Ruby's reader takes no more. */
const MAX_DEPTH = 128
/** An empty map takes one byte here and sixty in memory; two empty bytes two hundred. */
const MAX_OBJECTS = 2 ** 20
const BYTES_COUNT = 4
/** Whoever writes text that is no UTF-8, or bytes as keys, does so now and then. */
const MAX_EDITS = 2 ** 14

/** `auto`: whole numbers that a double cannot hold are BigInt. Bytes are copied: who gets them may write into them. */
const unpackr = new Unpackr({ useRecords: false, int64AsType: 'auto', copyBuffers: true } as object)

/** Other bytes for a part of what was walked through. */
interface Edit {
  from: number
  to: number
  bytes: Buffer
}

/** The one value that is there. @param from where it begins @throws Fault for anything else */
export function unpack(bytes: Buffer, from = 0): unknown {
  const walk = new Walk(bytes, from)
  const { edits } = walk
  if (edits.length === 0) return unpackr.unpack(from === 0 ? bytes : bytes.subarray(from))
  const value: unknown = unpackr.unpack(rewrite(bytes, from, edits))
  if (walk.stray !== undefined) dropKey(value, walk.stray)
  return value
}

const PROTO = '__proto__'
const noEdits: Edit[] = []

class Walk {
  edits = noEdits
  /** What stands for the key `__proto__`; undefined: there is none. */
  stray: string | undefined
  readonly #tokens: Tokens
  #depth = 0
  #objects = 0

  constructor(bytes: Buffer, from: number) {
    const tokens = (this.#tokens = new Tokens(bytes, from))
    /** How many values each open array or map still has, a negative number for maps. */
    const open: number[] = [1]
    for (;;) {
      const left = open[this.#depth] ?? 0
      if (left === 0) {
        if (--this.#depth < 0) break
        continue
      }
      tokens.next()
      const isMap = left < 0
      open[this.#depth] = isMap ? left + 1 : left - 1
      if (isMap && left % 2 === 0) this.#key()
      else if (tokens.kind === 'str') this.#text()
      else if (tokens.kind === 'bin') this.#object(BYTES_COUNT)
      else if (tokens.kind === 'ext') this.#timestamp()
      else if (tokens.kind === 'array' || tokens.kind === 'map') {
        this.#object(1)
        if (tokens.items === 0) continue
        if (++this.#depth > MAX_DEPTH) throw new Fault(`it is nested deeper than ${MAX_DEPTH}`)
        open[this.#depth] = tokens.kind === 'map' ? -tokens.items : tokens.items
      }
    }
    if (tokens.at !== bytes.length) throw new Fault('something is behind it')
  }

  #object(count: number): void {
    this.#objects += count
    if (this.#objects > MAX_OBJECTS) throw new Fault('it is in too many parts')
  }

  /** A text that is none is what old packers made of bytes. */
  #text(): void {
    if (!this.#isText()) this.#name('bin')
  }

  #key(): void {
    const { kind, start, size, bytes, at } = this.#tokens
    if (kind === 'int') return
    if ((kind !== 'str' && kind !== 'bin') || !this.#isText()) {
      throw new Fault('a key is neither text nor a whole number')
    }
    if (size === PROTO.length && bytes.toString('latin1', start, at) === PROTO) {
      // As long as itself; nobody can have foreseen it.
      this.stray ??= randomBytes(PROTO.length).toString('base64url').slice(0, PROTO.length)
      this.#edit(start, at, Buffer.from(this.stray))
    }
    if (kind === 'bin') this.#name('str')
  }

  #isText(): boolean {
    const { start, at, bytes } = this.#tokens
    if (at - start > LONG) return isUtf8(bytes.subarray(start, at))
    for (let i = start; i < at; i++) {
      if ((bytes[i] ?? 0) >= 0x80) return isUtf8(bytes.subarray(i, at))
    }
    return true
  }

  /** Of the type -1, and one that a Date can be. */
  #timestamp(): void {
    const { start, size, bytes } = this.#tokens
    this.#object(1)
    if (bytes[start] !== 0xff) throw new Fault('it has an extension type')
    const nanos =
      size === 9
        ? bytes.readUInt32BE(start + 1) >>> 2
        : size === 13
          ? bytes.readUInt32BE(start + 1)
          : 0
    const seconds = size === 13 ? Number(bytes.readBigInt64BE(start + 5)) : 0
    const known = size === 5 || size === 9 || size === 13
    if (!known || nanos >= 1e9 || Math.abs(seconds) >= MAX_DATE_S) {
      throw new Fault('it has a timestamp that is none')
    }
  }

  /** Has the present token be of another kind. */
  #name(kind: 'str' | 'bin'): void {
    const { from, start, size } = this.#tokens
    this.#edit(from, start, headerOf(kind, size))
  }

  #edit(from: number, to: number, bytes: Buffer): void {
    if (this.edits === noEdits) this.edits = []
    if (this.edits.length >= MAX_EDITS) throw new Fault('it has too much text that is no UTF-8')
    this.edits.push({ from, to, bytes })
  }
}

/** From here on the built-in check is faster than a loop. */
const LONG = 48
/** The range of a Date. */
const MAX_DATE_S = 8.64e12

function headerOf(kind: 'str' | 'bin', size: number): Buffer {
  const header = Buffer.alloc(5)
  header[0] = kind === 'str' ? 0xdb : 0xc6
  header.writeUInt32BE(size, 1)
  return header
}

function rewrite(bytes: Buffer, from: number, edits: readonly Edit[]): Buffer {
  const parts: Buffer[] = []
  let at = from
  // Of a key its name comes before its kind, which stands in front of it.
  for (const edit of edits.toSorted((one, other) => one.from - other.from)) {
    parts.push(bytes.subarray(at, edit.from), edit.bytes)
    at = edit.to
  }
  return Buffer.concat([...parts, bytes.subarray(at)])
}

/** Not deeper than MAX_DEPTH. */
function dropKey(value: unknown, key: string): void {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return
  if (!Array.isArray(value)) Reflect.deleteProperty(value, key)
  for (const each of Object.values(value)) dropKey(each, key)
}
