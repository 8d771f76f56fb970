/** Reads a body into a stream, no faster than that has room. */
import { Readable } from 'node:stream'
import type { StreamBody } from './body.js'
import type { OutgoingStream } from './outgoing-stream.js'

/** Reads the body to its end. Rejects with what it threw, and where nobody waits for more. */
export async function pour(body: StreamBody, stream: OutgoingStream): Promise<void> {
  // What a Readable gives is its reader's; anything else may use its buffer again.
  const fresh = body instanceof Readable
  const iterator = iteratorOf(body)
  let wake: (() => void) | undefined
  stream.whenOver(() => wake?.())
  const next = (): Promise<IteratorResult<unknown> | typeof OVER> =>
    new Promise((resolve, reject) => {
      wake = () => resolve(OVER)
      if (stream.over) wake()
      else Promise.resolve(iterator.next()).then(resolve, reject)
    })
  for (;;) {
    const result = await next()
    if (result === OVER) {
      leave(body, iterator)
      return
    }
    if (typeof (result as unknown) !== 'object' || (result as unknown) === null) {
      throw new TypeError('the body is an iterator whose next() gives no object')
    }
    if (result.done === true) return
    const piece = result.value
    try {
      await (fresh && Buffer.isBuffer(piece) ? stream.add(piece) : stream.write(piece as string))
    } catch (error) {
      leave(body, iterator)
      throw error
    }
  }
}

const OVER = Symbol('over')

type AnyIterator = Iterator<unknown> | AsyncIterator<unknown>

function iteratorOf(body: StreamBody): AnyIterator {
  if (body instanceof ReadableStream) return readerOf(body)
  if (Symbol.asyncIterator in body) return body[Symbol.asyncIterator]()
  return body[Symbol.iterator]()
}

/** Its own iterator cancels it only when the piece has come that it waits for, which may be never. */
function readerOf(body: ReadableStream): AnyIterator {
  const reader: ReadableStreamDefaultReader<unknown> = body.getReader()
  return {
    next: async () => {
      const { done, value } = await reader.read()
      return done ? { done, value: undefined } : { value }
    },
    return: async () => {
      await reader.cancel()
      return { done: true, value: undefined }
    },
  }
}

/** Lets it clean up; it may be in the middle of something and take its time. */
function leave(body: StreamBody, iterator: AnyIterator): void {
  if (body instanceof Readable) {
    leaveReadable(body)
    return
  }
  try {
    Promise.resolve(iterator.return?.()).catch(() => undefined)
  } catch {
    // It is left in any case.
  }
}

/** What a handler has returned and nobody will read: it must not stay open, and what goes wrong with it is nobody's concern. */
export function discard(result: unknown): void {
  if (typeof result !== 'object' || result === null) return
  const body: unknown = 'body' in result ? result.body : result
  if (body instanceof Readable) leaveReadable(body)
  else if (body instanceof ReadableStream && !body.locked) body.cancel().catch(() => undefined)
}

function leaveReadable(body: Readable): void {
  body.on('error', () => undefined)
  body.destroy()
}
