/**
 * What the workers of `npm start` do: a few handlers to try the gateway with. GET / is the cheapest
 * of them, as people will measure it. Copy this file to begin a worker of your own.
 */
import {
  HttpError,
  type HttpRequest,
  type HttpResult,
  type Job,
  json,
  sse,
  type Worker,
} from '@tempest/worker'
import { setTimeout as pause } from 'node:timers/promises'

/** The actions beside `url`, with what they are asked and what they answer. */
export interface Demo extends Record<string, (args: never) => unknown> {
  add(args: readonly [number, number]): number
}

const SLOW_MAX_MS = 60_000
const COUNT_MAX = 1000
const COUNT_MS = 200

export function handleDemo(worker: Worker<Demo>): void {
  worker.on('url', (request, job) => answer(request, job))
  worker.on('add', ([a, b]) => a + b)
}

function answer(request: HttpRequest, job: Job): HttpResult | Promise<HttpResult> {
  if (request.method === 'POST') {
    return json({ bytes: request.body.length, type: request.headers['content-type'] }, 201)
  }
  const [path = '', query] = request.url.split('?')
  if (path === '/slow') return answerSlowly(new URLSearchParams(query), job)
  if (path === '/stream') return sse(count(new URLSearchParams(query), job))
  if (path === '/gone') throw new HttpError(410)
  if (path === '/error') throw new Error('this is what /error is for')
  return `Hello from worker ${process.pid}: ${request.method} ${request.url}\n`
}

/** Events one by one. Where the client leaves, it is left in the middle. */
async function* count(query: URLSearchParams, { signal }: Job): AsyncGenerator<string> {
  const to = Math.min(Number(query.get('to') ?? 10) || 0, COUNT_MAX)
  for (let n = 1; n <= to; n++) {
    yield `${n} of ${to}`
    await pause(COUNT_MS, undefined, { signal })
  }
}

/** Ends early, for nobody, when the client has left. */
async function answerSlowly(query: URLSearchParams, job: Job): Promise<HttpResult> {
  const ms = Math.min(Number(query.get('ms') ?? 500) || 0, SLOW_MAX_MS)
  await pause(ms, undefined, { signal: job.signal })
  return `Hello after ${ms} ms\n`
}
