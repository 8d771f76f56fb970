/** Lua scripts: each is a file, called by its digest and loaded where Redis does not know it yet. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

export interface Script {
  readonly source: string
  readonly sha: string
}

export function loadScript(path: string): Script {
  const source = readFileSync(path, 'utf8')
  return { source, sha: createHash('sha1').update(source).digest('hex') }
}
