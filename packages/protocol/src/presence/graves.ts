/**
 * Nodes that were swept, in `tempest:gone`: a record of each for as long as something may still turn up, and what has been done, each
 * as a field of its own, since several sweepers may be at it.
 */
import { join } from 'node:path'
import type { Connections } from '../redis/connections.js'
import { fieldsOf } from '../wire/hash.js'
import { keys } from '../wire/keys.js'
import { loadScript } from '../redis/script.js'
import { type NodeRecord, readRecord } from './record.js'

const graveScript = loadScript(join(__dirname, '..', '..', 'lua', 'grave.lua'))
const cancelledScript = loadScript(join(__dirname, '..', '..', 'lua', 'cancelled.lua'))

/** Of all of them together, should no node be left that looks: the longest deadline there can be is a month. */
const GONE_S = 31 * 86_400
/** The deadline of jobs whose node told none. */
const DEADLINE_MS = 30_000
const SWEPT = ':swept'
const CANCELLED = ':cancelled'

export interface Grave {
  record: NodeRecord
  /** Redis' time in ms: since when it is gone, and until when something may turn up. */
  since: number
  until: number
  /** All that was there has been settled; what turns up later had not begun. */
  swept: boolean
  /** Its jobs were cancelled. */
  cancelled: boolean
}

export async function bury(
  connections: Connections,
  record: NodeRecord,
  until: number,
): Promise<void> {
  const { commands, clock } = connections
  const since = clock.toRedis(performance.now())
  const { boot } = record
  const text = JSON.stringify({ ...record, since, until })
  const args = [boot, text, GONE_S, boot + SWEPT, boot + CANCELLED]
  await commands.script(graveScript, [keys.gone], args)
}

export async function noteSwept({ commands }: Connections, boot: string): Promise<void> {
  await commands.script(graveScript, [keys.gone], [boot + SWEPT, 1, GONE_S])
}

/** Nobody waits for the jobs of a front that is gone: workers drop them, waiting or running. @returns false where it is here again. */
export async function cancelAll(
  { commands, clock }: Connections,
  { boot, queues, longest }: NodeRecord,
): Promise<boolean> {
  const until = clock.toRedis(performance.now() + (longest || DEADLINE_MS))
  const message = JSON.stringify({ ids: [`${boot}-*`], until })
  const args = [boot, message, ...queues.map(keys.cancel)]
  return (await commands.script(cancelledScript, [keys.nodes, keys.gone], args)) === 1
}

export async function forget({ commands }: Connections, boot: string): Promise<void> {
  await commands.send('hdel', [keys.gone, boot, boot + SWEPT, boot + CANCELLED])
}

/** All that are gone; what cannot be read is forgotten. */
export async function readGraves(connections: Connections): Promise<Grave[]> {
  const fields = fieldsOf(await connections.commands.send('hgetall', [keys.gone]))
  const graves: Grave[] = []
  for (const [boot, text] of fields) {
    const flagged = [SWEPT, CANCELLED].find((flag) => boot.endsWith(flag))
    if (flagged !== undefined) {
      // It came back while it was being swept.
      const of = boot.slice(0, -flagged.length)
      if (!fields.has(of)) await forget(connections, of)
      continue
    }
    const record = readRecord(boot, text)
    if (!record) await forget(connections, boot)
    else {
      const swept = fields.has(boot + SWEPT)
      const cancelled = fields.has(boot + CANCELLED)
      graves.push({
        record,
        since: sinceOf(text),
        until: numberOf(text, 'until'),
        swept,
        cancelled,
      })
    }
  }
  return graves
}

/** Since when, as it stands in the record; a node tells by it which of its deaths is meant. */
export function sinceOf(text: string): number {
  return numberOf(text, 'since')
}

function numberOf(text: string, name: string): number {
  // Read as the record itself was; what a foreign program has put into it must not be taken for this.
  try {
    const value: unknown = Reflect.get(JSON.parse(text) as object, name)
    return typeof value === 'number' ? value : 0
  } catch {
    return 0
  }
}
