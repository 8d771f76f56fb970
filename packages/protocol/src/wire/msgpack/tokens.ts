/**
 * Walks through MessagePack token by token, without making anything of it: no length it reads is believed before as many bytes are there. Pure.
 *
 * An array or a map is one token; what it holds comes next.
 */

export type Kind = 'int' | 'nil' | 'bool' | 'float' | 'str' | 'bin' | 'ext' | 'array' | 'map'

/** What is wrong with the bytes, in words that are always the same. */
export class Fault extends Error {}

const ENDS_EARLY = 'it ends early'

export class Tokens {
  readonly bytes: Buffer
  /** Where the token behind the present one begins. */
  at: number
  /** Where the present token begins, and where what it carries does. */
  from = 0
  start = 0
  kind: Kind = 'nil'
  /** Of an array or a map: how many values are in it, keys included. */
  items = 0

  constructor(bytes: Buffer, at: number) {
    this.bytes = bytes
    this.at = at
  }

  /** How many bytes the present token carries. */
  get size(): number {
    return this.at - this.start
  }

  /** Goes to the next token. @throws Fault where there is none, or not all of it. */
  next(): void {
    this.from = this.at
    const byte = this.#number(1)
    this.items = 0
    if (byte <= 0x7f || byte >= 0xe0) this.#is('int', 0)
    else if (byte <= 0x8f) this.#holds('map', (byte - 0x80) * 2)
    else if (byte <= 0x9f) this.#holds('array', byte - 0x90)
    else if (byte <= 0xbf) this.#is('str', byte - 0xa0)
    else this.#long(byte)
  }

  /** Goes behind the value that begins with the next token, whatever is in it. @throws Fault */
  skip(): void {
    for (let left = 1; left > 0; left--) {
      this.next()
      left += this.items
    }
  }

  #long(byte: number): void {
    switch (byte) {
      case 0xc0:
        return this.#is('nil', 0)
      case 0xc2:
      case 0xc3:
        return this.#is('bool', 0)
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.#is('bin', this.#number(1 << (byte - 0xc4)))
      case 0xc7:
      case 0xc8:
      case 0xc9:
        return this.#is('ext', this.#number(1 << (byte - 0xc7)) + 1)
      case 0xca:
      case 0xcb:
        return this.#is('float', byte === 0xca ? 4 : 8)
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return this.#is('ext', (1 << (byte - 0xd4)) + 1)
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#is('str', this.#number(1 << (byte - 0xd9)))
      case 0xdc:
      case 0xdd:
        return this.#holds('array', this.#number(byte === 0xdc ? 2 : 4))
      case 0xde:
      case 0xdf:
        return this.#holds('map', this.#number(byte === 0xde ? 2 : 4) * 2)
      case 0xc1:
        throw new Fault('it has a byte c1')
      default:
        return this.#is('int', 1 << ((byte - 0xcc) % 4))
    }
  }

  #is(kind: Kind, size: number): void {
    this.kind = kind
    this.start = this.at
    this.at += size
    if (this.at > this.bytes.length) throw new Fault(ENDS_EARLY)
  }

  /** Each value takes a byte at least. */
  #holds(kind: Kind, items: number): void {
    this.kind = kind
    this.start = this.at
    this.items = items
    if (items > this.bytes.length - this.at) throw new Fault(ENDS_EARLY)
  }

  #number(width: number): number {
    const { bytes, at } = this
    this.at += width
    if (this.at > bytes.length) throw new Fault(ENDS_EARLY)
    return width === 1 ? (bytes[at] ?? 0) : bytes.readUIntBE(at, width)
  }
}
