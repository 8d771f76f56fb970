/** Events for channels: published live, or added to the event log, from which they can be replayed. */
import { awayFor, type Connections } from '../redis/connections.js'
import { reasonOf, TempestError } from '../wire/errors.js'
import { channelFault, keys } from '../wire/keys.js'
import { LinkError } from '../redis/link.js'
import { checkInteger, shown } from '../options.js'

export interface PublishOptions {
  /** The event's name. @defaultValue none: a browser's `onmessage` gets it */
  event?: string | undefined
  /** Only to who is subscribed now; else it is added to the event log and can be replayed. @defaultValue false */
  live?: boolean | undefined
  /** Key of the event log, a Redis stream. @defaultValue 'tempest:events' */
  log?: string | undefined
  /** About how many events the log keeps. @defaultValue 100000 */
  maxLen?: number | undefined
}

export const publishDefaults = { log: keys.events, maxLen: 100_000 } as const

/** What ends a channel: nobody may say so by accident. */
const END = '$unsubscribe'

/** @returns the id in the log; undefined of a live one. */
export async function publish(
  connections: Connections,
  channel: string,
  data: unknown,
  options: PublishOptions,
): Promise<string | undefined> {
  const fault = channelFault(channel)
  if (fault !== undefined) throw new TypeError(`channel ${shown(channel)}: ${fault}`)
  const payload = payloadOf(data, options.event)
  const { log = publishDefaults.log, live = false } = options
  const maxLen = checkInteger('maxLen', options.maxLen ?? publishDefaults.maxLen, 1)
  await connections.whenUp()
  const { commands } = connections
  try {
    if (live) await commands.send('publish', [channel, payload])
    else {
      const fields = ['channel', channel, 'data', payload]
      return String(await commands.send('xadd', [log, 'MAXLEN', '~', maxLen, '*', ...fields]))
    }
    return undefined
  } catch (error) {
    if (!(error instanceof LinkError)) {
      throw new TempestError('REDIS_REFUSED', `Redis refused: ${reasonOf(error)}`)
    }
    if (!error.sent) throw awayFor(connections.options.redisWaitMs)
    throw new TempestError(
      'PUSH_UNKNOWN',
      'the connection broke; the event may or may not have been published',
    )
  }
}

/** As a channel carries it: a JSON array of the data, with a name before it. */
function payloadOf(data: unknown, event: string | undefined): string {
  if (
    event !== undefined &&
    (typeof event !== 'string' || event === '' || /[\r\n\0]/.test(event))
  ) {
    throw new TypeError(`event: use a name without line breaks, not ${shown(event)}`)
  }
  const text: unknown = typeof data === 'string' ? data : JSON.stringify(data)
  if (typeof text !== 'string') throw new TypeError(`data: JSON cannot hold ${shown(data)}`)
  // `message` is what an event without a name is called (WHATWG HTML, 9.2.6).
  if (event === undefined && text === END) return JSON.stringify(['message', text])
  return JSON.stringify(event === undefined ? [text] : [event, text])
}
