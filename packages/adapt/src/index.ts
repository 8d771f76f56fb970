/** @tempest/adapt: handlers for the action `url` that hand requests to applications as they are. */
export { cgi, type CgiOptions } from './cgi/cgi.js'
export { inject, type InjectOptions, type NodeApp } from './inject/inject.js'
export { type AdaptLogger } from './failures.js'
export { adaptDefaults } from './options.js'
export { replay, type ReplayOptions } from './replay.js'
export { type Upstream, readUpstream } from './upstream.js'
