/** Lua scripts: each is a file, called by its digest and loaded where Redis does not know it yet. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

export interface Script {
  readonly source: string
  readonly sha: string
}

/** The same for a Redis that is full to refuse. */
export function refusable(script: Script): Script {
  const source = script.source.replace(' flags=allow-oom', '')
  return { source, sha: shaOf(source) }
}

function shaOf(source: string): string {
  return createHash('sha1').update(source).digest('hex')
}

export function loadScript(path: string): Script {
  const source = readFileSync(path, 'utf8')
  return { source, sha: shaOf(source) }
}
