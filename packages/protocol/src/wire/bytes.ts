/**
 * Bytes inside JSON: a string where they are valid UTF-8, else `{"base64": "…"}` (docs/protocol.md, P-20). MessagePack has bytes itself.
 * This holds for request bodies, reply bodies and nowhere else. A byte order mark survives.
 */
import { isUtf8 } from 'node:buffer'

export type JsonBytes = string | { base64: string }

export function encodeBytes(bytes: Uint8Array): JsonBytes {
  const buffer = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  // Buffer's decoder keeps a byte order mark, TextDecoder would drop it.
  return isUtf8(buffer) ? buffer.toString('utf8') : { base64: buffer.toString('base64') }
}

const base64 = /^[A-Za-z0-9+/]*={0,2}$/

/** The bytes, or undefined where the value is none of these forms. Absent (undefined, null) means no bytes. */
export function decodeBytes(value: unknown): string | Buffer | undefined {
  if (typeof value === 'string') return value
  if (value === undefined || value === null) return ''
  if (Buffer.isBuffer(value)) return value
  if (typeof value !== 'object' || !('base64' in value)) return undefined
  const text = value.base64
  // Buffer.from skips what is not base64; a reply with such characters is malformed, not shorter.
  if (typeof text !== 'string' || text.length % 4 !== 0 || !base64.test(text)) return undefined
  return Buffer.from(text, 'base64')
}
