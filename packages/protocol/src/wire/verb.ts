/**
 * An entry of a mailbox: an array, in JSON or in MessagePack, whose first element is a verb and whose second is a job id (docs/protocol.md, P-40).
 *
 * This file knows the verbs of a whole reply, `answer` and `fail`; those of a streamed one, `head`, `chunk` and `end`, with `pause` and
 * `resume`, which come the other way; that of a sweeper, `lost`; and what a node says to itself, `echo`. An unknown verb is told as such and
 * hurts nobody. One whose id could be read and whose rest could not is `broken`: whoever waits for that job is told at once.
 */

import { decodeBytes, type JsonBytes } from './bytes.js'
import { type Encoding, packedFrom } from './encoding.js'
import { idOf } from './job.js'
import { listOf } from './list.js'
import { pack, packPlain } from './msgpack/pack.js'
import { unpack } from './msgpack/unpack.js'

/** What `fail` carries. `message` is for the operator and never reaches a client. */
export interface Failure {
  status?: number
  code?: string
  message: string
}

/** What `lost` carries. `final`: the job is not tried again. */
export interface Loss {
  final: boolean
  queue?: string
}

export type Entry =
  | { verb: 'answer'; id: string; result: unknown }
  | { verb: 'fail'; id: string; failure: Failure }
  | { verb: 'lost'; id: string; loss: Loss }
  | { verb: 'head'; id: string; head: unknown; mailbox: string | null }
  | { verb: 'chunk'; id: string; bytes: string | Buffer; n: number }
  | { verb: 'end'; id: string; count: number }
  | { verb: 'pause'; id: string }
  | { verb: 'resume'; id: string; count: number | undefined }
  | { verb: 'broken'; id: string; reason: string }
  | { verb: 'echo'; id: string }
  | { verb: 'unknown' }
  | { verb: 'malformed' }

const unknown: Entry = { verb: 'unknown' }
const malformed: Entry = { verb: 'malformed' }

/** Never throws: bytes that are no entry, or too many for a string, are malformed. */
export function decodeEntry(bytes: Buffer): Entry {
  const from = packedFrom(bytes)
  let value: unknown
  try {
    value = from < 0 ? JSON.parse(bytes.toString('utf8')) : unpack(bytes, from)
  } catch {
    return malformed
  }
  if (!Array.isArray(value)) return malformed
  const [verb, id, third] = listOf(value)
  if (typeof verb !== 'string') return malformed
  return entryOf(verb, idOf(id), third, listOf(value)[3])
}

/** The entry with these elements, however they came. Never throws. */
export function entryOf(
  verb: string,
  name: string | undefined,
  third: unknown,
  fourth: unknown,
): Entry {
  switch (verb) {
    case 'answer':
    case 'url':
      return name === undefined ? malformed : { verb: 'answer', id: name, result: third }
    case 'fail':
      return name === undefined ? malformed : { verb: 'fail', id: name, failure: toFailure(third) }
    case 'lost': {
      const loss = toLoss(third)
      return name === undefined || !loss ? malformed : { verb: 'lost', id: name, loss }
    }
    case 'echo':
      return name === undefined ? malformed : { verb: 'echo', id: name }
    case 'head':
    case 'chunk':
    case 'end':
    case 'pause':
    case 'resume':
      return name === undefined ? malformed : toStreamed(verb, name, third, fourth)
    default:
      return unknown
  }
}

type StreamVerb = 'head' | 'chunk' | 'end' | 'pause' | 'resume'

function toStreamed(verb: StreamVerb, id: string, third: unknown, fourth: unknown): Entry {
  switch (verb) {
    case 'head': {
      const mailbox = fourth ?? null
      if (mailbox !== null && !isMailbox(mailbox)) return broken(id, 'the mailbox of a head')
      return { verb, id, head: third, mailbox }
    }
    case 'chunk': {
      const bytes = decodeBytes(third)
      if (bytes === undefined) return broken(id, 'the bytes of a chunk')
      return isCount(fourth) ? { verb, id, bytes, n: fourth } : broken(id, 'the number of a chunk')
    }
    case 'end':
      return isCount(third) ? { verb, id, count: third } : broken(id, 'the count of an end')
    case 'pause':
      return { verb, id }
    case 'resume':
      return { verb, id, count: isCount(third) ? third : undefined }
  }
}

/** A list that a node reads, never one that belongs to a queue. */
function isMailbox(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !value.startsWith('{')
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function broken(id: string, what: string): Entry {
  return { verb: 'broken', id, reason: `${what} is malformed` }
}

/** Whoever waits is told at once that it failed, and by what when it is no failure of ours. */
const badFailure: Failure = { code: 'BAD_REPLY', message: 'the failure is malformed' }

function toFailure(value: unknown): Failure {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return badFailure
  const failure: Failure = { message: '' }
  if ('message' in value && typeof value.message === 'string') failure.message = value.message
  if ('code' in value && typeof value.code === 'string') failure.code = value.code
  if ('status' in value) {
    const { status } = value
    if (typeof status !== 'number' || !Number.isInteger(status) || status < 400 || status > 599) {
      return badFailure
    }
    failure.status = status
  }
  return failure
}

function toLoss(value: unknown): Loss | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  if (!('final' in value) || typeof value.final !== 'boolean') return undefined
  const loss: Loss = { final: value.final }
  if ('queue' in value && typeof value.queue === 'string') loss.queue = value.queue
  return loss
}

/** `result` must be JSON already, so that a body is encoded once. */
export function encodeAnswer(id: string, result: string): string {
  return `["answer",${JSON.stringify(id)},${result}]`
}

/** The same in MessagePack, of a result that is plain. */
export function packAnswer(id: string, result: unknown): Buffer {
  return packPlain(['answer', id, result])
}

export function encodeFail(id: string, failure: Failure): string
export function encodeFail(id: string, failure: Failure, encoding?: Encoding): string | Buffer
export function encodeFail(id: string, failure: Failure, encoding?: Encoding): string | Buffer {
  return encode(['fail', id, failure], encoding)
}

/** What a sweeper tells of a job whose worker is gone. */
export function encodeLost(id: string, loss: Loss): string
export function encodeLost(id: string, loss: Loss, encoding?: Encoding): string | Buffer
export function encodeLost(id: string, loss: Loss, encoding?: Encoding): string | Buffer {
  return encode(['lost', id, { ...loss, code: 'WORKER_LOST' }], encoding)
}

export function encodeEcho(id: string): string {
  return JSON.stringify(['echo', id])
}

/** `head` is JSON already: `[status, headers]`. */
export function encodeHead(
  id: string,
  head: string,
  mailbox: string | null,
  encoding?: Encoding,
): string | Buffer {
  if (encoding === 'msgpack') return pack(['head', id, JSON.parse(head), mailbox])
  return `["head",${JSON.stringify(id)},${head},${JSON.stringify(mailbox)}]`
}

export function encodeChunk(id: string, bytes: JsonBytes, n: number): string {
  // Base64 needs no look for what has to be escaped.
  const text = typeof bytes === 'string' ? JSON.stringify(bytes) : `{"base64":"${bytes.base64}"}`
  return `["chunk",${JSON.stringify(id)},${text},${n}]`
}

/** The same in MessagePack. */
export function packChunk(id: string, bytes: string | Buffer, n: number): Buffer {
  return packPlain(['chunk', id, typeof bytes === 'string' ? Buffer.from(bytes) : bytes, n])
}

export function encodeEnd(id: string, count: number, encoding?: Encoding): string | Buffer {
  return encode(['end', id, count], encoding)
}

export function encodePause(id: string): string {
  return JSON.stringify(['pause', id])
}

/** @param count how many chunks the client has taken */
export function encodeResume(id: string, count: number): string {
  return JSON.stringify(['resume', id, count])
}

function encode(entry: readonly unknown[], encoding: Encoding | undefined): string | Buffer {
  return encoding === 'msgpack' ? pack(entry) : JSON.stringify(entry)
}
