/** The languages of examples/workers: what a machine needs for each, and what starts its workers. */

import { execFile, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Home } from '../home.js'

const workers = resolve(__dirname, '../../../examples/workers')

/** At most once, and with a held list. */
export const kinds = ['worker', 'safe'] as const
export type Kind = (typeof kinds)[number]

export interface Language {
  name: string
  /** As its workers call it. */
  title: string
  /** The end of the names of its files. */
  ending: string
  /** A shell's line that fails where something is missing. */
  needs: string
  /** What runs `<kind>.<ending>`; a compiled one has `build` instead, a shell's line in its folder. */
  runner?: string
  build?(kind: Kind, into: string): string
  /** Clients at once, where a front would refuse some of the usual number: they would wait for seconds. */
  clients?: number
}

export const languages: readonly Language[] = [
  {
    ...{ name: 'python', title: 'Python', ending: 'py', runner: '/usr/bin/python3' },
    needs: `/usr/bin/python3 -c 'import redis'`,
  },
  {
    ...{ name: 'ruby', title: 'Ruby', ending: 'rb', runner: 'ruby' },
    needs: `ruby -e 'require "redis"'`,
  },
  {
    ...{ name: 'php', title: 'PHP', ending: 'php', runner: 'php' },
    needs: `php -r 'exit(extension_loaded("redis") && extension_loaded("pcntl") ? 0 : 1);'`,
  },
  {
    ...{ name: 'perl', title: 'Perl', ending: 'pl', runner: 'perl' },
    needs: 'perl -MRedis -MJSON -e 1',
  },
  {
    ...{ name: 'lua', title: 'Lua', ending: 'lua', runner: 'lua5.3' },
    needs: `lua5.3 -e 'require "redis" require "cjson" require "mime" require "posix"'`,
  },
  {
    ...{ name: 'go', title: 'Go', ending: 'go' },
    needs: 'command -v go && ls /usr/share/gocode/src/github.com/gomodule/redigo',
    build: (kind, into) =>
      `GO111MODULE=off GOPATH=/usr/share/gocode go build -o ${into} ${kind}.go app.go store.go${kind === 'safe' ? ' presence.go' : ''}`,
  },
  {
    ...{ name: 'c', title: 'C', ending: 'c' },
    needs: `printf '#include <hiredis/hiredis.h>\\n#include <jansson.h>\\n' | cc -E - -o /dev/null`,
    build: (kind, into) =>
      `cc -O2 -o ${into} ${kind}.c app.c base64.c store.c${kind === 'safe' ? ' presence.c' : ''} -lhiredis -ljansson -pthread`,
  },
  {
    ...{ name: 'bash', title: 'bash', ending: 'sh', runner: 'bash', clients: 8 },
    needs: 'command -v bash && command -v jq && command -v redis-cli',
  },
  { name: 'node', title: 'Node', ending: 'mjs', runner: process.execPath, needs: 'true' },
]

/** Whether a shell's line succeeds. */
export function succeeds(line: string): boolean {
  return spawnSync('sh', ['-c', line]).status === 0
}

/** What starts a worker; one that has to be built is built first, into a folder of this run. */
export async function commandFor(
  home: Home,
  { name, ending, runner = '', build }: Language,
  kind: Kind,
): Promise<{ command: string; args: string[] }> {
  const folder = join(workers, name)
  if (build === undefined) return { command: runner, args: [join(folder, `${kind}.${ending}`)] }
  const into = join(home.createFolder('built'), `${name}-${kind}`)
  await promisify(execFile)('sh', ['-c', build(kind, into)], { cwd: folder })
  return { command: into, args: [] }
}

/** Lines of code of worker and safe, as the README of the examples tells them; a test of the examples counts them. */
export function linesOf({ title }: Language): string {
  const readme = readFileSync(join(workers, 'README.md'), 'utf8')
  const row = readme.split('\n').find((line) => line.startsWith(`| ${title} `)) ?? ''
  const [, , worker = '?', safe = '?'] = row.split('|').map((cell) => cell.trim())
  return `${worker} / ${safe}`
}
