/** Entries in either encoding, told apart by their first byte (docs/protocol.md, P-25). The kit's own reading: nothing of our nodes is in it. */
import { Packr, Unpackr } from 'msgpackr'

export type Encoding = 'json' | 'msgpack'

const options = { useRecords: false, int64AsType: 'auto' } as const
// The types of msgpackr have no `auto`.
const packr = new Packr(options as object)
const unpackr = new Unpackr(options as object)

const white: readonly number[] = [0x20, 0x09, 0x0a, 0x0d]

/** Where the first byte is that is no white space. */
function begin(bytes: Buffer): number {
  const at = bytes.findIndex((byte) => !white.includes(byte))
  return at < 0 ? bytes.length : at
}

export function encodingOf(bytes: Buffer): Encoding {
  const first = bytes[begin(bytes)] ?? 0
  const isArray = (first >= 0x90 && first <= 0x9f) || first === 0xdc || first === 0xdd
  return isArray ? 'msgpack' : 'json'
}

/** What the bytes say; where they are neither encoding, their text. */
export function read(bytes: Buffer): unknown {
  try {
    if (encodingOf(bytes) === 'json') return JSON.parse(bytes.toString())
    return unpackr.unpack(bytes.subarray(begin(bytes)))
  } catch {
    return bytes.toString()
  }
}

/** In MessagePack: a Buffer is bin, a string str. */
export function pack(value: unknown): Buffer {
  // A copy: the packer writes on in the memory that it gave.
  return Buffer.from(packr.pack(long(value)))
}

/** Whole numbers that need more than 32 bits, as int 64; msgpackr by itself makes floats of them. */
function long(value: unknown): unknown {
  if (typeof value === 'number' && Number.isSafeInteger(value) && Math.abs(value) >= 2 ** 32)
    return BigInt(value)
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value
  if (Array.isArray(value)) return value.map(long)
  const fields = Object.entries(value).filter(([, each]) => each !== undefined)
  return Object.fromEntries(fields.map(([key, each]) => [key, long(each)]))
}
