/** What `front.stats()` says of streams. */
import type { Hub, HubCounts } from './hub.js'

export interface SubStats extends HubCounts {
  /** Streams that are open. */
  subscribers: number
  /** Channels somebody here is subscribed to. */
  channels: number
  /** Events of the log in memory, and their bytes. */
  ringEntries: number
  ringBytes: number
}

export function statsOf(hubs: readonly Hub[]): SubStats {
  const sum = (of: (hub: Hub) => number): number => hubs.reduce((total, hub) => total + of(hub), 0)
  return {
    subscribers: sum((hub) => hub.streams.size),
    channels: sum((hub) => hub.channels),
    events: sum((hub) => hub.counts.events),
    writes: sum((hub) => hub.counts.writes),
    slow: sum((hub) => hub.counts.slow),
    gaps: sum((hub) => hub.counts.gaps),
    malformed: sum((hub) => hub.counts.malformed),
    ringEntries: sum((hub) => hub.ring.entries),
    ringBytes: sum((hub) => hub.ring.bytes),
  }
}
