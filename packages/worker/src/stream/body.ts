/**
 * What a handler may return as a body that comes piece by piece: a Readable, a web ReadableStream, an iterable or an async iterable of text and
 * bytes. Pure.
 */

export type StreamBody =
  | AsyncIterable<string | Uint8Array>
  | Iterable<string | Uint8Array>
  | ReadableStream<string | Uint8Array>

/** Arrays and other collections are taken for mistakes: a handler that returns one meant JSON, or the result of another library. */
export function isStreamBody(value: unknown): value is StreamBody {
  if (typeof value !== 'object' || value === null || isCollection(value)) return false
  return Symbol.asyncIterator in value || Symbol.iterator in value
}

function isCollection(value: object): boolean {
  return (
    Array.isArray(value) ||
    value instanceof Uint8Array ||
    value instanceof Map ||
    value instanceof Set ||
    value instanceof URLSearchParams ||
    // Fetch's Headers and FormData have entries, too.
    'append' in value
  )
}
