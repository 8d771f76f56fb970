/** Publishes events that know their channel and number: to the event log, or live only. What the log has taken, Redis itself tells. */
import { elementsOf } from '../helpers/json'
import type { TestRedis } from '../helpers/redis'
import type { Entry } from './heard'

export interface Publisher {
  /** How many were published live, by channel. */
  readonly live: ReadonlyMap<string, number>
  /** Appends one to the event log. @param bytes it is filled up to. @returns its id. @throws what Redis says. */
  log(channel: string, bytes?: number): Promise<string>
  /** Publishes one live. @returns how many connections took it. */
  tell(channel: string): Promise<number>
  /** So many of the log a second, and as many live where `alsoLive`, on these channels in turn, until `rest`. */
  start(perSecond: number, channels: readonly string[], alsoLive?: boolean): void
  /** Resolves when all that was begun has an answer. */
  rest(): Promise<void>
  /** All that are in the log. */
  entries(): Promise<Entry[]>
}

const LOG = 'tempest:events'
const TICK_MS = 20
const MAKE_UP_MS = 200

export function createPublisher(redis: TestRedis): Publisher {
  const client = redis.client()
  const live = new Map<string, number>()
  const open = new Set<Promise<unknown>>()
  let timer: NodeJS.Timeout | undefined
  let count = 0

  function log(channel: string, bytes = 0): Promise<string> {
    const n = ++count
    // Some have several lines, some a name.
    const text = `log ${channel} ${n}${n % 5 === 0 ? '\r\nmore\rand\nmore' : ''}`.padEnd(bytes, '.')
    const payload = JSON.stringify(n % 7 === 0 ? ['tick', text] : [text])
    return client
      .xadd(LOG, 'MAXLEN', '~', 100_000, '*', 'channel', channel, 'data', payload)
      .then(String)
  }

  function tell(channel: string): Promise<number> {
    const n = (live.get(channel) ?? 0) + 1
    live.set(channel, n)
    return client.publish(channel, JSON.stringify([`live ${channel} ${n}`]))
  }

  /** Where Redis is away nothing is published, or nobody knows: the log says what was. */
  function begin(publishing: Promise<unknown>): void {
    const settled = publishing.catch(() => undefined).finally(() => open.delete(settled))
    open.add(settled)
  }

  return {
    live,
    log,
    tell,
    start(perSecond, channels, alsoLive = false) {
      clearInterval(timer)
      const startedAt = performance.now()
      let sent = 0
      timer = setInterval(() => {
        const due = Math.floor(((performance.now() - startedAt) * perSecond) / 1000)
        // What was missed for want of a core is not made up for at once.
        sent = Math.max(sent, due - Math.ceil((perSecond * MAKE_UP_MS) / 1000))
        for (; sent < due; sent++) {
          const channel = channels[sent % channels.length] ?? ''
          begin(log(channel))
          if (alsoLive) begin(tell(channel))
        }
      }, TICK_MS)
    },
    async rest() {
      clearInterval(timer)
      await Promise.all(open)
    },
    async entries() {
      const entries = elementsOf(await client.xrange(LOG, '-', '+'))
      return entries.map(toEntry)
    },
  }
}

function toEntry(entry: unknown): Entry {
  const [id, fields] = elementsOf(entry)
  const [, channel, , payload] = elementsOf(fields)
  const [first = payload, second] = elementsOf(parsed(String(payload)))
  const text = String(second ?? first)
  return {
    id: String(id),
    channel: String(channel),
    event: second === undefined ? 'message' : String(first),
    data: text.replace(/\r\n|\r/g, '\n'),
  }
}

function parsed(payload: string): unknown {
  try {
    return JSON.parse(payload)
  } catch {
    return undefined
  }
}
