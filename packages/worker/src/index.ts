/** @tempest/worker: pops jobs, runs handlers, replies. */
export type { WorkerStats } from './counts.js'
export {
  HttpError,
  type HttpRequest,
  type HttpResponse,
  type HttpResult,
  json,
  type RequestHeaders,
} from './http.js'
export type { Job } from './job.js'
export { workerDefaults, type WorkerOptions } from './options.js'
export type { Order } from './order.js'
export {
  type Actions,
  type AnyActions,
  createWorker,
  type UrlHandler,
  type Worker,
} from './worker.js'
