/** What a worker's handlers are given and may return. Types only. */
import type { HttpRequest, HttpResult } from './http.js'
import type { Job } from './job.js'

/**
 * The actions of a worker beside `url`, as `createWorker<{ add: (args: [number, number]) => number }>(…)` names them.
 * What was asked as arguments goes in, any JSON value comes out.
 */
export type Actions = Record<string, (args: never, job: Job) => unknown>

/** Without a map nothing is known of their arguments. */
export type AnyActions = Record<string, (args: unknown[], job: Job) => unknown>

/** One that has used `job.stream` returns nothing. */
export type UrlHandler =
  | ((request: HttpRequest, job: Job) => HttpResult | undefined | Promise<HttpResult | undefined>)
  | ((request: HttpRequest, job: Job) => Promise<void>)
