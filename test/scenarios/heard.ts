/** Judges what subscribers heard by what was published, id by id, number by number; pure. */
import type { Heard, Subscriber } from '../helpers/events'

/** Of the event log. */
export interface Entry {
  id: string
  channel: string
  event: string
  data: string
}

export interface Listener {
  readonly name: string
  readonly channels: readonly string[]
  readonly stream: Subscriber
  /** How many had been published live on each of its channels when it joined, by the connection. */
  readonly sentAtJoin: Map<number, ReadonlyMap<string, number>>
}

export interface Published {
  readonly entries: readonly Entry[]
  /** How many were only published live, by channel: from 1 on, each has its number. */
  readonly live: ReadonlyMap<string, number>
}

/** What a listener may be told instead of events. @defaultValue nothing */
export type Gaps = readonly ('live' | 'size' | 'log')[]

/** All that is wrong with what one heard, one line each. Who is still there must have heard all; who left, all until then. */
export function complaintsOf(listener: Listener, published: Published, gaps: Gaps = []): string[] {
  const { name, stream } = listener
  const complaints = [
    ...(stream.failed === undefined ? [] : [`gave up: ${stream.failed}`]),
    ...gapComplaints(stream.events, gaps),
    ...logComplaints(listener, published.entries),
    ...liveComplaints(listener, published.live),
  ]
  return complaints.map((complaint) => `${name}: ${complaint}`)
}

/** Those of the log that this listener must have heard by now. */
export function dueOf({ channels, stream }: Listener, entries: readonly Entry[]): Entry[] {
  const { firstId } = stream
  if (firstId === '') return []
  return entries.filter(({ id, channel }) => channels.includes(channel) && isAfter(id, firstId))
}

/** Whether it has heard the last one of the log on its channels, and of each channel the last one that was published live. */
export function hasHeardAll(listener: Listener, { entries, live }: Published): boolean {
  const { channels, stream } = listener
  if (!stream.joined) return false
  const last = entries.findLast(({ channel }) => channels.includes(channel))
  if (last && isAfter(last.id, stream.firstId)) {
    if (stream.events.findLast(({ id }) => id !== '')?.id !== last.id) return false
  }
  const connection = stream.connections.length - 1
  return channels.every((channel) => {
    const sent = live.get(channel) ?? 0
    if (sent === (listener.sentAtJoin.get(connection)?.get(channel) ?? 0)) return true
    return stream.events
      .findLast((each) => liveOf(each)?.channel === channel)
      ?.data.endsWith(` ${sent}`)
  })
}

function gapComplaints(events: readonly Heard[], gaps: Gaps): string[] {
  return events
    .filter(({ event, data }) => event === 'gap' && !gaps.some((may) => may === data))
    .map(({ data, id }) => `told of a gap: ${data} ${id}`)
}

function logComplaints(listener: Listener, entries: readonly Entry[]): string[] {
  const { stream } = listener
  const due = dueOf(listener, entries)
  const heard = stream.events.filter(({ id }) => id !== '')
  const at = heard.findIndex(({ id, event, data }, i) => {
    const right = due[i]
    if (right?.id !== id) return true
    // Too large to be sent: that there was one is said in its place.
    return !(event === 'gap' && data === 'size') && (right.event !== event || right.data !== data)
  })
  if (at >= 0) {
    const seen = heard.slice(0, at).some(({ id }) => id === heard[at]?.id)
    return [
      `${seen ? 'twice' : 'wrong'} at ${at} of ${due.length}: heard ${shown(heard[at])}, ` +
        `not ${shown(due[at])}; first id ${stream.firstId}`,
    ]
  }
  if (stream.open && heard.length < due.length) {
    return [`heard ${heard.length} of ${due.length}; next is ${shown(due[heard.length])}`]
  }
  return []
}

function liveComplaints(listener: Listener, live: ReadonlyMap<string, number>): string[] {
  const { stream, channels } = listener
  return stream.connections.flatMap((connection, number) => {
    const before = listener.sentAtJoin.get(number)
    const events = stream.events.filter((each) => each.connection === number)
    return channels.flatMap((channel) => {
      const joinedAt = before?.get(channel)
      let last: number | undefined
      let mayMiss = false
      const complaints: string[] = []
      for (const each of events) {
        if (each.event === 'gap' && each.data === 'live') mayMiss = true
        const said = liveOf(each)
        if (said?.channel !== channel) continue
        const next = last === undefined ? (joinedAt ?? said.n - 1) + 1 : last + 1
        // One that was on its way when the stream joined may come as well.
        const early = last === undefined && said.n <= next
        if (!early && said.n < next) complaints.push(`live ${said.n} of ${channel} twice, or late`)
        if (said.n > next && !mayMiss) {
          complaints.push(`live ${next} of ${channel} is missing before ${said.n}, and no gap said`)
        }
        last = said.n
        mayMiss = false
      }
      const sent = live.get(channel) ?? 0
      if (connection.joined && connection.endedAt === undefined && !mayMiss) {
        const had = last ?? joinedAt ?? 0
        if (had < sent) complaints.push(`live ${had + 1} to ${sent} of ${channel} are missing`)
      }
      return complaints
    })
  })
}

/** What publisher.ts makes of an event that is only published live. */
function liveOf({ id, data }: Heard): { channel: string; n: number } | undefined {
  const [, channel, n] = id === '' ? (/^live (\S+) (\d+)$/.exec(data) ?? []) : []
  return channel === undefined ? undefined : { channel, n: Number(n) }
}

/** Whether an id of the log comes after another one. */
function isAfter(id: string, other: string): boolean {
  const [ms, seq] = partsOf(id)
  const [otherMs, otherSeq] = partsOf(other)
  return ms > otherMs || (ms === otherMs && seq > otherSeq)
}

function partsOf(id: string): [number, number] {
  const [ms, seq] = id.split('-')
  return [Number(ms), Number(seq)]
}

function shown(what: Entry | Heard | undefined): string {
  return what ? `${what.id} ${what.event} ${JSON.stringify(what.data.slice(0, 60))}` : 'nothing'
}

/** How long each of the log took from Redis to its subscriber, in ms: their ids tell when Redis took them. */
export function latenciesOf(events: readonly Heard[]): number[] {
  return events
    .filter(({ id }) => id !== '')
    .map(({ id, at }) => performance.timeOrigin + at - partsOf(id)[0])
}
