/** What Redis says of an event log. */
import { type Link, listOf, reasonOf } from '@tempest/protocol'
import { START } from './stream-id.js'

export interface LogInfo {
  /** The newest id there ever was. */
  last: string
  /** How many entries were ever added, and how many there are. */
  added: number
  length: number
}

/** Undefined where there is no log. @throws what `Link.send` throws. */
export async function readLogInfo(link: Link, key: string): Promise<LogInfo | undefined> {
  let reply: unknown
  try {
    reply = await link.send('xinfo', ['STREAM', key])
  } catch (error) {
    if (/no such key/i.test(reasonOf(error))) return undefined
    throw error
  }
  const list = listOf(reply)
  const fields = new Map<string, unknown>()
  for (let i = 0; i + 1 < list.length; i += 2) fields.set(String(list[i]), list[i + 1])
  const last = fields.get('last-generated-id')
  return {
    last: Buffer.isBuffer(last) || typeof last === 'string' ? String(last) : START,
    added: Number(fields.get('entries-added') ?? -1),
    length: Number(fields.get('length') ?? 0),
  }
}
