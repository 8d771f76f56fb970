/** @tempest/front: Connect middleware that turns HTTP requests into jobs. */
export { createFront, type Front, type FrontStats } from './front.js'
export {
  frontDefaults,
  type FrontOptions,
  type PerRequest,
  type Retry,
  workDefaults,
  type WorkOptions,
} from './options.js'
export type { HealthMiddleware } from './health.js'
export type { Middleware } from './work.js'
