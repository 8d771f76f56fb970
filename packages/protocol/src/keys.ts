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
  /** LIST, bounded: entries nobody could decode, as they were. */
  dead: (queue: string): string => `{${queue}}:dead`,
  /** CHANNEL: rung once per turn by who pushes to high or low. */
  bell: (queue: string): string => `{${queue}}:bell`,
  /** CHANNEL: ids whose clients have left. */
  cancel: (queue: string): string => `{${queue}}:cancel`,
  /** LIST of verbs for one node, and the channel of the same name. */
  mailbox: (boot: string): string => `tempest:mailbox:${boot}`,
}
