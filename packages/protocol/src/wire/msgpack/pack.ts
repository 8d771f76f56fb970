/** Values to MessagePack that everybody's reader takes: no private extensions, no undefined (docs/protocol.md, P-26). Pure. */
import { Packr } from 'msgpackr'
import { type Plain, toPlain } from './plain.js'

const packr = new Packr({ useRecords: false, variableMapSize: true })

/** What is plain already: text and whole numbers of ours, bytes, and what toPlain gives. */
export function packPlain(value: unknown): Buffer {
  return packr.pack(value)
}

/** Whatever JSON could carry. @throws TypeError for what cannot be sent. */
export function pack(value: unknown): Buffer {
  return packPlain(plainOf(value))
}

/** A whole number of any size up to 2^53. */
export function integer(value: number): number | bigint {
  return Number.isInteger(value) && (value >= 2 ** 32 || value < -(2 ** 31)) ? BigInt(value) : value
}

function plainOf(value: unknown): Plain['value'] {
  const plain = toPlain(value)
  if (!plain) throw new TypeError('it cannot be sent')
  return plain.value
}
