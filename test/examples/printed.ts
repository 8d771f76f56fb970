/** What the README of examples/workers prints: how each of them is built and started. */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileOf, folder, type Kind, type Name, titleOf } from './languages'

const readme = readFileSync(join(folder, 'README.md'), 'utf8')

/** A shell's line for the folder of the repository. @param into what the built ones are called */
export function printedLine(name: Name, kind: Kind, into: string): string {
  const row = readme.split('\n').find((line) => line.startsWith(`| ${titleOf(name)} `))
  const start = /`([^`]*)` *\|$/.exec(row ?? '')?.[1]
  // Python and Node are those that the other tests run, whatever else the PATH has.
  const path = `PATH=${name === 'node' ? dirname(process.execPath) : '/usr/bin'}:$PATH`
  const safe = (line: string): string => (kind === 'safe' ? line.replace('worker.', 'safe.') : line)
  if (start !== undefined) return `${path}; cd examples/workers && exec ${safe(start)}`
  const build = new RegExp(`^cd ${name} && .*$`, 'm').exec(readme)?.[0] ?? 'false'
  const built = build.replace('/tmp/worker', into)
  const presence = kind === 'safe' ? ` presence.${fileOf(name, kind).split('.').pop() ?? ''}` : ''
  return `cd examples/workers && ${safe(built).replace(/ store\.\w+/, `$&${presence}`)} && exec ${into}`
}
