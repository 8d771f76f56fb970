/**
 * Our verbs as commands: `answer <id> <value>`, `head <id> <value> [mailbox]`, `chunk <id> <bytes> <n>`, `end <id> <count>`, `fail <id> <value>`
 * (docs/protocol.md, P-140), a value in JSON or in MessagePack. Pure. Each becomes the entry that a mailbox would have had.
 */
import { decodeValue, type Entry, entryOf } from '@tempest/protocol'

const digits = /^\d{1,16}$/

/** @returns the entry; text: what is wrong with the command; undefined: it is none of ours. */
export function readVerb(args: readonly Buffer[]): Entry | string | undefined {
  const [name = '', id = '', third, fourth] = args
  const verb = name.toString('latin1', 0, MAX_VERB).toLowerCase()
  if (!verbs.has(verb)) return undefined
  const least = verb === 'chunk' ? 4 : 3
  const most = verb === 'head' ? 4 : least
  if (args.length < least || args.length > most || third === undefined) {
    return `wrong number of arguments for '${verb}'`
  }
  const job = id.toString('utf8')
  if (job === '') return 'the id is empty'
  if (verb === 'chunk') {
    const n = numberOf(fourth)
    return n === undefined
      ? 'the number of a chunk is malformed'
      : { verb: 'chunk', id: job, bytes: own(third), n }
  }
  if (verb === 'end') {
    const count = numberOf(third)
    return count === undefined ? 'the count of an end is malformed' : { verb, id: job, count }
  }
  return fromValue(verb, job, third, fourth)
}

const verbs = new Set(['answer', 'url', 'head', 'chunk', 'end', 'fail'])
const MAX_VERB = 6

/** Few bytes must not keep all alive that were read with them: those of a slow client wait for long. */
function own(bytes: Buffer): Buffer {
  if (bytes.length >= bytes.buffer.byteLength / 2) return bytes
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(copy)
  return copy
}

function numberOf(text: Buffer | undefined): number | undefined {
  const value = text?.toString('latin1', 0, 17) ?? ''
  return digits.test(value) && Number.isSafeInteger(Number(value)) ? Number(value) : undefined
}

/** As the mailbox reads it, so that both ways understand the same. */
function fromValue(
  verb: string,
  id: string,
  bytes: Buffer,
  mailbox: Buffer | undefined,
): Entry | string {
  let value: unknown
  try {
    value = decodeValue(bytes)
  } catch {
    return `the JSON of '${verb}' is malformed`
  }
  const entry = entryOf(verb, id, value, mailbox?.toString('utf8'))
  return entry.verb === 'broken' ? entry.reason : entry
}
