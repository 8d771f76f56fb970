/** Actions of one's own: what a handler is given, and how what it returns becomes a result. `url` is in http.ts. */
import { type Meta, type Plain, toPlain } from '@tempest/protocol'

/** The arguments as they were asked: the metadata in the first is the protocol's. */
export function toArguments(args: unknown[], meta: Meta | undefined): unknown[] {
  if (!meta) return args
  const first = Object.entries(args[0] ?? {}).filter(([key]) => key !== 'meta')
  return [Object.fromEntries(first), ...args.slice(1)]
}

/** A result as JSON; undefined becomes null. @throws TypeError for what JSON cannot carry. */
export function encodeValue(result: unknown): string {
  const text: unknown = result === undefined ? 'null' : JSON.stringify(result)
  if (typeof text !== 'string') throw new TypeError('the handler returned what JSON cannot carry')
  return text
}

/** The same for MessagePack. */
export function plainValue(result: unknown): Plain {
  const plain = toPlain(result === undefined ? null : result)
  if (!plain) throw new TypeError('the handler returned what MessagePack cannot carry')
  return plain
}
