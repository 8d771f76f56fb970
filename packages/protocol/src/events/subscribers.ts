/** How many clients are subscribed to a channel, over all fronts: each keeps a count that goes away with it. */
import type { Connections } from '../redis/connections.js'
import { keys } from '../wire/keys.js'
import { listOf } from '../wire/list.js'

/** @throws TempestError REDIS_AWAY; what `Link.send` throws. */
export async function countSubscribers(connections: Connections, channel: string): Promise<number> {
  await connections.whenUp()
  const { commands } = connections
  const boots = listOf(await commands.send('hkeys', [keys.nodes])).map(String)
  const counts = await Promise.all(
    boots.map((boot) => commands.send('hget', [keys.subscribers(boot), channel])),
  )
  return counts.reduce((sum: number, count) => sum + Number(count ?? 0), 0)
}
