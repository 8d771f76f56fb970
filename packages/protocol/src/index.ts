/** @tempest/protocol: what fronts, workers and other nodes agree on. */
export { askDefaults, type AskOptions, ENVELOPE_BYTES, type PushOptions } from './exchange/ask.js'
export { decodeBytes, encodeBytes, type JsonBytes } from './wire/bytes.js'
export { sendAllAnyway } from './redis/anyway.js'
export { pushEntries } from './redis/answer.js'
export { BLOCK_S, Connections } from './redis/connections.js'
export { type DeadJob, type DeadList } from './queue/dead.js'
export { Delay } from './queue/delay.js'
export {
  type ErrorCode,
  errorCodes,
  reasonOf,
  statusOf,
  TempestError,
  titleOf,
} from './wire/errors.js'
export type { JobText, JobValues } from './exchange/draft.js'
export type { Exchange, ExchangeOwner, ExchangeTerms } from './exchange/exchange.js'
export type { Arrivals } from './exchange/arrivals.js'
export type { Fate, Refusals } from './exchange/fate.js'
export type { Exchanges } from './exchange/exchanges.js'
export {
  LOW_BYTES,
  type StreamedReply,
  type StreamSink,
  type StreamSource,
} from './exchange/streamed.js'
export { Mailbox } from './exchange/mailbox.js'
export { type Encoding, encodings } from './wire/encoding.js'
export { encodeData, encodeEvent, type ServerSentEvent } from './wire/event.js'
export { bootOf, splitId } from './wire/ids.js'
export { checkAction, decodeJob, type Job, type Meta, metaOf } from './wire/job.js'
export { decodeValue } from './wire/value.js'
export {
  channelFault,
  checkQueueName,
  isPriority,
  keys,
  priorities,
  type Priority,
} from './wire/keys.js'
export { isReplyError, type Link, LinkError } from './redis/link.js'
export { listOf } from './wire/list.js'
export { type Logger, silentLogger } from './logger.js'
export { type AskingNodeOptions, createNode, type Node, type NodeStats } from './node.js'
export { type Plain, toPlain, wellFormed } from './wire/msgpack/plain.js'
export {
  checkEncoding,
  checkInteger,
  checkNumber,
  nodeDefaults,
  type NodeOptions,
  type ResolvedNodeOptions,
  resolveNodeOptions,
  shown,
} from './options.js'
export type { Outbox } from './queue/outbox.js'
export { publishDefaults, type PublishOptions } from './events/publish.js'
export { loadScript, type Script } from './redis/script.js'
export { checkRedis, type ServerFacts } from './redis/server.js'
export {
  decodeEntry,
  encodeAnswer,
  encodeChunk,
  encodeEnd,
  encodeFail,
  encodeHead,
  encodeLost,
  type Entry,
  entryOf,
  type Failure,
  isCount,
  packAnswer,
  packChunk,
} from './wire/verb.js'
export { Presence } from './presence/presence.js'
export type { NodeRecord } from './presence/record.js'
export type { SweepCounts } from './presence/remains.js'
export { type Outcome, settle, type Strike } from './presence/settlement.js'
export { bystander, isOfAnotherEpoch, mayBeRetried, verdictOf } from './presence/verdict.js'
export { checkRedisOption } from './redis/template.js'
export { Subscription } from './redis/subscription.js'
export { type Waiting, Wheel } from './wheel.js'
