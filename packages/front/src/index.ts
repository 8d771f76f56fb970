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
export { type Direct, directDefaults, type DirectOptions } from './direct/options.js'
export type { DirectStats } from './direct/listener.js'
export type { HealthMiddleware } from './health.js'
export type { PubOptions } from './pub.js'
export type { Authorize, SubOptions, Verdict } from './sub/options.js'
export { subDefaults } from './sub/options.js'
export type { SubStats } from './sub/stats.js'
export type { Middleware } from './work.js'
