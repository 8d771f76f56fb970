/**
 * Every key and channel of Tempest in Redis, and nothing that is built elsewhere.
 *
 * A queue's name stays literal, so that `redis-cli RPUSH tempest …` is all a program needs. All that belongs to a
 * queue carries its name as hash tag and so shares its slot on Redis Cluster. Everything else is under `tempest:`.
 */

/** The lists of a queue. A worker parks on `normal`. */
export type Priority = 'high' | 'normal' | 'low'

export const priorities: readonly Priority[] = ['high', 'normal', 'low']

export function isPriority(value: unknown): value is Priority {
  return value === 'high' || value === 'normal' || value === 'low'
}

const MAX_QUEUE_NAME = 128
const queueName = /^[^\s{}:\p{Cc}]+$/u

/** Throws a TypeError unless the name is 1 to 128 characters without white space, control characters, braces or colons. */
export function checkQueueName(name: unknown): string {
  if (typeof name !== 'string' || name.length > MAX_QUEUE_NAME || !queueName.test(name)) {
    throw new TypeError(
      `queue name ${JSON.stringify(name)}: use 1 to ${MAX_QUEUE_NAME} characters without white space, braces or colons`,
    )
  }
  return name
}

export const keys = {
  /** LIST of jobs; normal priority is the queue itself. */
  queue: (queue: string, priority: Priority): string =>
    priority === 'normal' ? queue : `{${queue}}:${priority}`,
  /** LIST of the jobs one worker has popped and not finished, oldest first. */
  held: (queue: string, boot: string): string => `{${queue}}:held:${boot}`,
  /** ZSET of worker boots, score = Redis' time in ms of the last beat. */
  workers: (queue: string): string => `{${queue}}:workers`,
  /** LIST, bounded, newest first: entries nobody could decode, as they were, and jobs that used up their attempts. */
  dead: (queue: string): string => `{${queue}}:dead`,
  /** SET of ids: jobs of a further attempt that this worker runs; with a plus in front those that are no suspects. */
  suspects: (queue: string, boot: string): string => `{${queue}}:suspect:${boot}`,
  /** LIST of strikes against one job, all its attempts; it goes away by itself. */
  history: (queue: string, base: string): string => `{${queue}}:history:${base}`,
  /** HASH: how many jobs of the queue may still be tried again. */
  budget: (queue: string): string => `{${queue}}:budget`,
  /** ZSET of jobs that are not due yet; the score is a time of the queue's clock. */
  delayed: (queue: string): string => `{${queue}}:delayed`,
  /** HASH: the clock delayed jobs are due by; it is there while any wait. */
  clock: (queue: string): string => `{${queue}}:clock`,
  /** CHANNEL: rung once per turn by who pushes to high or low. */
  bell: (queue: string): string => `{${queue}}:bell`,
  /** CHANNEL: ids whose clients have left. */
  cancel: (queue: string): string => `{${queue}}:cancel`,
  /** LIST of verbs for one node, and the channel of the same name. */
  mailbox: (boot: string): string => `tempest:mailbox:${boot}`,
  /** HASH of nodes: boot → record as JSON. */
  nodes: 'tempest:nodes',
  /** HASH of beats: boot → a counter that grows while the node lives. */
  beats: 'tempest:beats',
  /** HASH of nodes that were swept and are looked at again: boot → record as JSON. */
  gone: 'tempest:gone',
  /** STREAM, bounded: events that can be replayed. The name is a default; a hub may use others. */
  events: 'tempest:events',
  /** HASH with a time to live: channel → how many clients of this front are subscribed. */
  subscribers: (boot: string): string => `tempest:subscribers:${boot}`,
  /** CHANNEL on which a hub hears itself: that is how it knows that it is not deaf. */
  pulse: (boot: string): string => `tempest:pulse:${boot}`,
  /** STRING with a time to live: the boot of the front whose jobs bear this address as `respond_to`. The list of that name is its mailbox, too. */
  claim: (address: string): string => `tempest:claim:${address}`,
  /** STRING with a time to live: somebody sweeps this node. */
  sweep: (boot: string): string => `tempest:sweep:${boot}`,
}

const MAX_CHANNEL_BYTES = 256
const unseen = /[\p{Cc}\p{Cs}]/u
/** Mailboxes and bells, whatever else belongs to a queue, and Redis' own notifications. */
const reserved = /^(?:tempest:|\{|__key)/

/** Why a name cannot be a channel of events; undefined where it can. */
export function channelFault(name: string): string | undefined {
  if (name === '') return 'it is empty'
  if (Buffer.byteLength(name) > MAX_CHANNEL_BYTES)
    return `it is longer than ${MAX_CHANNEL_BYTES} bytes`
  if (unseen.test(name)) return 'it has characters that cannot be shown'
  return reserved.test(name) ? 'that name is reserved' : undefined
}
