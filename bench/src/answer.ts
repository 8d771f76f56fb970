/**
 * The check before anything is measured: does the target answer, and with the right bytes?
 *
 * Tempest's worker may still be on its way to Redis, so the question is repeated for a while.
 */

import { get, type IncomingHttpHeaders } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { hello } from './targets/hello.js'

const PATIENCE_MS = 10_000

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: string
}

/** @throws when the right answer does not come within ten seconds. */
export async function checkAnswer(name: string, url: string, expected = hello): Promise<Answer> {
  const until = performance.now() + PATIENCE_MS
  let last = ''
  while (performance.now() < until) {
    try {
      const answer = await fetchOnce(url)
      if (answer.status === 200 && answer.body === expected) return answer
      last = `${answer.status} ${answer.body.slice(0, 200)}`
    } catch (error) {
      last = String(error)
    }
    await sleep(100)
  }
  throw new Error(`${name} does not answer ${JSON.stringify(expected)} at ${url}: ${last}`)
}

/** The headers in which two answers differ, apart from the date. */
export function listDifferences(one: Answer, other: Answer): string[] {
  const names = new Set([...Object.keys(one.headers), ...Object.keys(other.headers)])
  names.delete('date')
  names.delete('x-request-id') // A fresh one each time, of the same length.
  const show = (value: string | string[] | undefined): string => (value ?? '(none)').toString()
  return [...names]
    .filter((name) => show(one.headers[name]) !== show(other.headers[name]))
    .map((name) => `${name}: ${show(other.headers[name])} instead of ${show(one.headers[name])}`)
}

function fetchOnce(url: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = get(
      url,
      { timeout: 3000, headers: { connection: 'keep-alive' } },
      (response) => {
        let body = ''
        response.setEncoding('utf8')
        response.on('data', (text: string) => (body += text))
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
        )
      },
    )
    request.on('timeout', () => request.destroy(new Error('no answer within 3 s')))
    request.on('error', reject)
  })
}
