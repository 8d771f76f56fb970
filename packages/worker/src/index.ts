/** @tempest/worker: pops jobs, runs handlers, replies. */
export type { WorkerStats } from './counts.js'
export {
  HttpError,
  type HttpHeaders,
  type HttpRequest,
  type HttpResponse,
  type HttpResult,
  json,
  type RequestHeaders,
} from './http.js'
export type { Actions, AnyActions, UrlHandler } from './handlers.js'
export type { Job } from './job.js'
export { sse } from './sse.js'
export type { StreamBody } from './stream/body.js'
export type { ReplyStream } from './stream/reply-stream.js'
export { workerDefaults, type WorkerOptions } from './options.js'
export type { Order } from './order.js'
export { createWorker, type Worker } from './worker.js'
