/** A value that stands alone: the argument of a command to a front's listener, in JSON or in MessagePack (docs/protocol.md, P-28). Pure. */
import { unpack } from './msgpack/unpack.js'

/** No text in JSON begins with such a byte; in MessagePack everything does but whole numbers from 0 to 127. */
const LEAST_PACKED = 0x80

/** @throws for what is neither. */
export function decodeValue(bytes: Buffer): unknown {
  const [first = 0] = bytes
  return first >= LEAST_PACKED ? unpack(bytes) : JSON.parse(bytes.toString('utf8'))
}
