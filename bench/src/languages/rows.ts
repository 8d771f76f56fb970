/** The table: for each language its workers, its server behind nginx, and what one is of the other in the same round. */

import { formatCpu, type Cell } from '../cell.js'
import { summarize, type Summary } from '../statistics.js'
import { formatSummary, formatTable } from '../table.js'
import type { Entry } from './entry.js'
import type { Kind } from './language.js'

type Who = Kind | 'server'

export interface Sample {
  round: number
  /** Of the language. */
  name: string
  who: Who
  clients: number
  cell: Cell
}

const heads = [
  ...['language', 'lines', 'clients', 'worker: requests/s', 'safe: requests/s'],
  ...['server behind nginx', 'requests/s', 'worker ÷ server', 'safe ÷ server'],
  ...['CPU µs/request: worker', 'safe', 'server'],
]

export function formatSamples(entries: readonly Entry[], samples: readonly Sample[]): string {
  const rows = entries.map(({ name, title, lines, clients, server }) => {
    const pick = (who: Who): Sample[] =>
      samples.filter((each) => each.name === name && each.who === who && isValid(each.cell))
    const rate = (who: Who): string =>
      formatSummary(summarize(pick(who).map(({ cell }) => cell.requestsPerSecond)))
    const ratio = (who: Who): Summary =>
      summarize(pick(who).map((sample) => ofServer(samples, sample)))
    const cpu = (who: Who): string => formatCpu(pick(who).map(({ cell }) => cell)) || '–'
    return [
      ...[title, lines, String(clients), rate('worker'), rate('safe'), server, rate('server')],
      ...[formatSummary(ratio('worker')), formatSummary(ratio('safe'))],
      ...[cpu('worker'), cpu('safe'), cpu('server')],
    ]
  })
  return formatTable(heads, rows)
}

/** Requests per second divided by those of the same language's server in the same round. */
export function ofServer(samples: readonly Sample[], { round, name, cell }: Sample): number {
  const server = samples.find(
    (each) => each.round === round && each.name === name && each.who === 'server',
  )
  if (!server || !isValid(server.cell) || !isValid(cell)) return Number.NaN
  return cell.requestsPerSecond / server.cell.requestsPerSecond
}

/** A void cell counts nowhere but in the CSV. */
function isValid(cell: Cell): boolean {
  return cell.errors.length === 0
}
