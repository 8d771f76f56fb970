/** The end of a node that means to go: takes its record back, writes what was sent last, and closes its connections. */
import type { Connections } from '../redis/connections.js'
import { reasonOf } from '../wire/errors.js'
import type { Presence } from './presence.js'

/** Never rejects. Where Redis is away its record stays: others find it silent. */
export async function leave(
  connections: Connections,
  presence: Presence | undefined,
): Promise<void> {
  const noted =
    (what: string) =>
    (error: unknown): void =>
      connections.options.logger.debug({ reason: reasonOf(error) }, what)
  if (connections.commands.up) await presence?.leave().catch(noted('left no word'))
  presence?.close()
  // What was sent last, the cancels, is written before the socket is closed.
  if (connections.commands.up) {
    await connections.commands.send('ping', []).catch(noted('stopping'))
  }
  connections.close()
}
