/** What INFO says: what clients of Redis look at when they connect, and whose listener this is. Pure but for the clock. */

/** As which version of Redis it speaks. */
export const REDIS_VERSION = '7.0.0'

export interface ListenerFacts {
  boot: string
  password: string | undefined
  /** Of Tempest. */
  version: string
  /** As Date.now() has it. */
  startedAt: number
  connections(): number
}

/** @param asked sections in lower case; none: all */
export function infoText(asked: readonly string[], facts: ListenerFacts): string {
  const all =
    asked.length === 0 || ['all', 'default', 'everything'].some((each) => asked.includes(each))
  const sections = Object.entries(infoOf(facts)).filter(
    ([name]) => all || asked.includes(name.toLowerCase()),
  )
  const texts = sections.map(([name, lines]) => [`# ${name}`, ...lines, ''].join('\r\n'))
  return texts.join('\r\n')
}

function infoOf({
  boot,
  version,
  startedAt,
  connections,
}: ListenerFacts): Record<string, string[]> {
  const uptime = Math.max(0, Math.floor((Date.now() - startedAt) / 1000))
  return {
    Server: [
      `redis_version:${REDIS_VERSION}`,
      'redis_mode:standalone',
      `tempest_version:${version}`,
      `tempest_boot:${boot}`,
      `uptime_in_seconds:${uptime}`,
    ],
    Clients: [`connected_clients:${connections()}`],
    Persistence: ['loading:0'],
    Replication: ['role:master', 'connected_slaves:0'],
    Cluster: ['cluster_enabled:0'],
    Keyspace: [],
  }
}
