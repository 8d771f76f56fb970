/** JSON or MessagePack: each entry says it itself, by its first byte (docs/protocol.md, P-25). Pure. */
export type Encoding = 'json' | 'msgpack'

export const encodings: readonly Encoding[] = ['json', 'msgpack']

/** Where the array of an entry in MessagePack begins; -1: it is JSON, or nothing at all. */
export function packedFrom(bytes: Uint8Array): number {
  const first = bytes[0]
  if (first === undefined || first === OPEN) return -1
  let at = 0
  while (isSpace(bytes[at])) at++
  return isPackedArray(bytes[at]) ? at : -1
}

const OPEN = '['.charCodeAt(0)

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

function isPackedArray(byte: number | undefined): boolean {
  return byte !== undefined && ((byte >= 0x90 && byte <= 0x9f) || byte === 0xdc || byte === 0xdd)
}
