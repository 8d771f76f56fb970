/** What a node says of itself in `tempest:nodes`, for operators and sweepers. Pure. */

type Role = 'front' | 'worker' | 'node'

export interface NodeRecord {
  boot: string
  role: Role
  host: string
  pid: number
  /** Queues it pops from, or has pushed to. */
  queues: string[]
  version: string
  /** Redis' time in ms. */
  started: number
  /** After so many ms without a beat it is dead. */
  patience: number
  /** A few numbers for operators, as of its last beat in the main thread. */
  stats: Record<string, number>
  /** It writes the ids of suspects; of one that does not, all jobs in hand count as begun. */
  suspects?: boolean
  /** Its connections to Redis are named `tempest:<boot>:…`: where none is there, it is gone. */
  named?: boolean
  /** The longest deadline it has given, in ms: so long its jobs and replies may be about. */
  longest?: number
  /** It does not beat: it lives while Redis has a client of this id. */
  client?: string
}

export const DEFAULT_PATIENCE_MS = 2500

/** Reads a record; what a foreign program left out is filled in. Undefined for what is no record. */
export function readRecord(boot: string, text: string): NodeRecord | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const field = (name: string): unknown => Reflect.get(value, name)
  const number = (name: string, otherwise: number): number => {
    const given = field(name)
    return typeof given === 'number' && Number.isFinite(given) && given >= 0 ? given : otherwise
  }
  const string = (name: string): string => {
    const given = field(name)
    return typeof given === 'string' ? given : ''
  }
  const role = string('role')
  const queues = field('queues')
  const stats = field('stats')
  const client = field('client')
  const record: NodeRecord = {
    boot,
    role: role === 'front' || role === 'node' ? role : 'worker',
    host: string('host'),
    pid: number('pid', 0),
    queues: Array.isArray(queues) ? queues.filter((each) => typeof each === 'string') : [],
    version: string('version'),
    started: number('started', 0),
    patience: number('patience', DEFAULT_PATIENCE_MS),
    stats: typeof stats === 'object' && stats !== null ? numbersOf(stats) : {},
    suspects: field('suspects') === true,
    longest: number('longest', 0),
    ...(field('named') === true && { named: true }),
  }
  if (typeof client === 'string' || typeof client === 'number') record.client = String(client)
  return record
}

function numbersOf(stats: object): Record<string, number> {
  return Object.fromEntries(
    Object.entries(stats).filter((entry): entry is [string, number] => {
      return typeof entry[1] === 'number'
    }),
  )
}
