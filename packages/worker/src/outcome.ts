/** What becomes of a handler's call, as the wire says it. Pure. */
import {
  encodeAnswer,
  type Encoding,
  type ErrorCode,
  type Failure,
  packAnswer,
  reasonOf,
  statusOf,
  TempestError,
} from '@tempest/protocol'
import { encodeValue, plainValue } from './action.js'
import { encodeResult, HttpError, plainResult } from './http.js'

const MAX_REPLY_CHARS = 64 * 1024 * 1024
/** It is for a log, and may have anything in it. */
const MAX_MESSAGE = 8192

export type CodedFailure = Failure & { code: ErrorCode }

/** The answer to a job, in its encoding. @throws TypeError for what cannot be a reply; RangeError for more than 64 MiB. */
export function encodeReply(
  { id, encoding }: { id: string; encoding: Encoding },
  action: string,
  result: unknown,
): string | Buffer {
  if (encoding === 'msgpack') {
    const plain = action === 'url' ? plainResult(result) : plainValue(result)
    checkSize(plain.size)
    return packAnswer(id, plain.value)
  }
  const encoded = action === 'url' ? encodeResult(result) : encodeValue(result)
  checkSize(encoded.length)
  return encodeAnswer(id, encoded)
}

function checkSize(size: number): void {
  if (size > MAX_REPLY_CHARS) throw new RangeError('the reply is larger than 64 MiB')
}

export function failure(code: ErrorCode, message: string): CodedFailure {
  return { code, status: statusOf(code), message: message.slice(0, MAX_MESSAGE) }
}

/** `expected`: the handler meant it; else it is a fault of its own. */
export function failureOf(error: unknown): { failure: CodedFailure; expected: boolean } {
  const message = reasonOf(error).slice(0, MAX_MESSAGE)
  if (error instanceof HttpError) {
    return { failure: { code: 'HTTP_ERROR', status: error.status, message }, expected: true }
  }
  if (error instanceof TempestError) {
    return { failure: { code: error.code, status: error.status, message }, expected: true }
  }
  return { failure: failure('HANDLER_FAILED', message), expected: false }
}

/** What is wrong with a handler that has used `job.stream`, if so. */
export function faultOfStream(result: unknown, ended: boolean): string | undefined {
  if (result !== undefined) return 'the handler returned something beside its stream'
  return ended ? undefined : 'the handler returned before it had ended its stream: await end()'
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'then' in value &&
    typeof value.then === 'function'
  )
}
