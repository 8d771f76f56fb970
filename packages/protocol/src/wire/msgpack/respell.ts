/** Another id, and another number of its attempt, for a job in MessagePack: all its other bytes stay as they are. Pure. */
import { packedFrom } from '../encoding.js'
import { packPlain } from './pack.js'
import { type Kind, Tokens } from './tokens.js'

/** @param attempt for its metadata; undefined: it has none. @throws Fault for what is no job */
export function respell(raw: Buffer, id: string, attempt: number | undefined): Buffer {
  const tokens = new Tokens(raw, packedFrom(raw))
  const parts: Buffer[] = []
  let kept = 0
  const replace = (value: unknown): void => {
    const from = tokens.at
    tokens.skip()
    parts.push(raw.subarray(kept, from), packPlain(value))
    kept = tokens.at
  }
  // The array, its action, its arguments.
  tokens.next()
  tokens.skip()
  tokens.next()
  for (let i = 0, count = tokens.items; i < count; i++) {
    if (i > 0 || attempt === undefined) tokens.skip()
    else inMap(tokens, 'meta', () => inMap(tokens, 'attempt', () => replace(attempt)))
  }
  tokens.skip()
  replace(id)
  return Buffer.concat([...parts, raw.subarray(kept)])
}

/** Goes through the map that comes next. @param found called before each value of this key; it goes behind it. */
function inMap(tokens: Tokens, key: string, found: () => void): void {
  const { at: from } = tokens
  tokens.next()
  const opened: Kind = tokens.kind
  if (opened !== 'map') {
    tokens.at = from
    tokens.skip()
    return
  }
  for (let left = tokens.items; left > 0; left -= 2) {
    tokens.next()
    const { bytes, start, at, kind } = tokens
    const isKey = kind === 'str' || kind === 'bin'
    if (isKey && bytes.toString('utf8', start, at) === key) found()
    else tokens.skip()
  }
}
