/** How many clients are subscribed to a channel, over all fronts: each keeps a count that goes away with it. */
import type { Connections } from './connections.js'
import { keys } from './keys.js'
import { listOf } from './list.js'

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
