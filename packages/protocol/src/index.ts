/** @tempest/protocol: what fronts, workers and other nodes agree on. */
export { askDefaults, type AskOptions, type PushOptions } from './ask.js'
export { decodeBytes, encodeBytes, type JsonBytes } from './bytes.js'
export { sendAllAnyway } from './anyway.js'
export { BLOCK_S, Connections } from './connections.js'
export { type DeadJob, type DeadList } from './dead.js'
export { Delay } from './delay.js'
export { type ErrorCode, errorCodes, reasonOf, statusOf, TempestError, titleOf } from './errors.js'
export type { Exchange, ExchangeOwner, ExchangeTerms, JobText } from './exchange.js'
export type { Exchanges, Refusals } from './exchanges.js'
export { bootOf, splitId } from './ids.js'
export { checkAction, decodeJob, type Job, type Meta, metaOf } from './job.js'
export {
  channelFault,
  checkQueueName,
  isPriority,
  keys,
  priorities,
  type Priority,
} from './keys.js'
export { isReplyError, type Link, LinkError } from './link.js'
export { listOf } from './list.js'
export { type Logger, silentLogger } from './logger.js'
export { type AskingNodeOptions, createNode, type Node, type NodeStats } from './node.js'
export {
  checkInteger,
  checkNumber,
  nodeDefaults,
  type NodeOptions,
  type ResolvedNodeOptions,
  resolveNodeOptions,
  shown,
} from './options.js'
export type { Outbox } from './outbox.js'
export { publishDefaults, type PublishOptions } from './publish.js'
export { loadScript, type Script } from './script.js'
export { checkRedis, type ServerFacts } from './server.js'
export { encodeAnswer, encodeFail, encodeLost, type Failure } from './verb.js'
export { Presence } from './presence/presence.js'
export type { NodeRecord } from './presence/record.js'
export type { SweepCounts } from './presence/remains.js'
export { type Outcome, settle, type Strike } from './presence/settlement.js'
export { bystander, isOfAnotherEpoch, mayBeRetried, verdictOf } from './presence/verdict.js'
export { checkRedisOption } from './template.js'
export { Subscription } from './subscription.js'
export { type Waiting, Wheel } from './wheel.js'
