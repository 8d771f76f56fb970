/** Which pages of other origins may read (Fetch, 3.2): what the options say, as header fields. Pure. */
import type { IncomingMessage } from 'node:http'
import type { ResolvedSubOptions } from './options.js'

type Fields = Record<string, string>

/** Of every response. */
export function corsFields(req: IncomingMessage, cors: ResolvedSubOptions['cors']): Fields {
  if (cors === false) return {}
  if (cors === '*') return { 'access-control-allow-origin': '*' }
  const { origin } = req.headers
  if (origin === undefined || !cors.has(origin)) return { vary: 'origin' }
  return {
    'access-control-allow-origin': origin,
    'access-control-allow-credentials': 'true',
    vary: 'origin',
  }
}

/** Of the answer to a preflight. */
export const preflightFields: Fields = {
  'access-control-allow-methods': 'GET, HEAD',
  'access-control-allow-headers': 'authorization, cache-control, last-event-id',
  'access-control-max-age': '86400',
}
