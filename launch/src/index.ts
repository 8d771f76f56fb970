/**
 * A Redis of one's own, for `npm start`, tests and benchmarks; the programs are start.ts, front.ts
 * and worker.ts.
 */
export { bringRedis, findRedis, type RedisBinary, type RedisSearch } from './redis-binary.js'
export { startRedis, type RedisServer, type RedisServerOptions } from './redis-server.js'
export { Refusal } from './refusal.js'
