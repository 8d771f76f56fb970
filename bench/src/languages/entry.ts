/** Who takes part: the languages that were asked for and can run here, each with what is measured of it. */

import type { Home } from '../home.js'
import { findProgram } from '../program.js'
import { kinds, languages, linesOf, succeeds, type Kind, type Language } from './language.js'
import { servers, type Server } from './server.js'
import { openGate, startOurs, startServer, startWorker, type Gate, type Started } from './target.js'

export interface Entry {
  name: string
  title: string
  /** Of worker and safe. */
  lines: string
  /** What stands behind nginx, or why nothing does. */
  server: string
  /** Connections, each with a request at a time. */
  clients: number
  contenders: { who: Kind | 'server'; running: Started }[]
}

const CLIENTS = 64
const OURS = 'tempest'
const concurrencies = [1, 64]

/** Starts all of them, and says what cannot run here. @throws TypeError where `only` names what does not exist. */
export async function startEntries(home: Home, only: readonly string[]): Promise<Entry[]> {
  const names = [OURS, ...languages.map(({ name }) => name)]
  const unknown = only.find((name) => !names.includes(name))
  if (unknown !== undefined) throw new TypeError(`--only ${unknown}: one of ${names.join(', ')}`)
  const wanted = (name: string): boolean => only.length === 0 || only.includes(name)
  if (findProgram('nginx') === undefined)
    console.log('nginx is not installed: servers that speak HTTP are measured without it.')
  const gate = await openGate(home)
  const entries: Entry[] = []
  for (const language of languages.filter(({ name }) => wanted(name)))
    entries.push(await startEntry(home, gate, language))
  if (!wanted(OURS)) return entries
  for (const concurrency of concurrencies) {
    const running = await startOurs(home, gate, concurrency)
    entries.push({
      ...{ name: `${OURS}${concurrency}`, title: `@tempest/worker × ${concurrency}` },
      ...{ lines: '–', server: '–', clients: CLIENTS, contenders: [{ who: 'worker', running }] },
    })
  }
  return entries
}

async function startEntry(home: Home, gate: Gate, language: Language): Promise<Entry> {
  const { name, title, needs, clients = CLIENTS } = language
  const lines = linesOf(language)
  const entry: Entry = { name, title, lines, server: '–', clients, contenders: [] }
  if (succeeds(needs)) {
    for (const kind of kinds)
      entry.contenders.push({ who: kind, running: await startWorker(home, gate, language, kind) })
  } else console.log(`Not run: the workers of ${title}: this fails here: ${needs}`)
  const server = servers[name]
  const missing = missServer(server)
  if (server !== undefined && missing === undefined) {
    entry.server = server.title
    entry.contenders.push({ who: 'server', running: await startServer(home, language, server) })
  } else console.log(`Not run: a server of ${title}: ${missing ?? ''}`)
  return entry
}

/** Why it cannot run here. */
function missServer(server: Server | undefined): string | undefined {
  if (server === undefined) return 'none is usual behind nginx'
  const { needs, title, speaks } = server
  if (!succeeds(needs)) return `${title}: this fails here: ${needs}`
  if (speaks === 'fastcgi' && findProgram('nginx') === undefined)
    return `${title} does not work without nginx`
  return undefined
}
