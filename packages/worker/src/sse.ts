/** A response of server-sent events from a handler. */
import { encodeEvent, type ServerSentEvent } from '@tempest/protocol'
import type { HttpResponse } from './http.js'

/** What makes browsers and proxies pass events on as they come. */
const headers = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}

/**
 * A response whose events come from an iterable: `return sse(tokens())`. A string is data; an object says `event`, `data`, `id`, `retry`.
 * Where the iterable throws, the client hears an event `error` and is then cut.
 */
export function sse(
  events: AsyncIterable<string | ServerSentEvent> | Iterable<string | ServerSentEvent>,
): HttpResponse {
  return { headers, body: framed(events) }
}

async function* framed(
  events: AsyncIterable<string | ServerSentEvent> | Iterable<string | ServerSentEvent>,
): AsyncGenerator<string> {
  for await (const event of events) {
    yield encodeEvent(typeof event === 'string' ? { data: event } : event)
  }
}
