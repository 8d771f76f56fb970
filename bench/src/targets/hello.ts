/** The answer every target gives, and the one the bench checks before it measures. */

import type { ServerResponse } from 'node:http'

export const hello = 'hello'

/** Names, values and their order are those of a front that answers a worker's string; its request ids are as long. */
const headers = [
  ...['content-type', 'text/plain; charset=utf-8'],
  ...['x-request-id', '0123456789abcdef-123456-0123456789abcdef'],
  ...['content-length', String(Buffer.byteLength(hello))],
]

export function sayHello(response: ServerResponse): void {
  response.writeHead(200, headers)
  response.end(hello)
}
