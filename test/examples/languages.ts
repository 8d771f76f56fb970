/** The workers of examples/workers: what starts each, and what a machine needs for it. */
import { describe } from '@jest/globals'
import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { describeWithRedis } from '../helpers/redis'

export const folder = resolve(__dirname, '../../examples/workers')

/** At most once, and with a held list. */
export const kinds = ['worker', 'safe'] as const
export type Kind = (typeof kinds)[number]

interface Language {
  /** As it calls itself. */
  readonly title: string
  /** The end of the names of its files. */
  readonly ending: string
  /** A shell's line that fails where something is missing. */
  readonly needs: string
  /** What runs `<kind>.<ending>`; a compiled one has `build` instead, in its folder. */
  readonly runner?: string
  build?(kind: Kind, into: string): { line: string; env?: Record<string, string> }
}

const languages = {
  python: {
    title: 'Python',
    ending: 'py',
    needs: `/usr/bin/python3 -c 'import redis'`,
    runner: '/usr/bin/python3',
  },
  ruby: { title: 'Ruby', ending: 'rb', needs: `ruby -e 'require "redis"'`, runner: 'ruby' },
  php: {
    title: 'PHP',
    ending: 'php',
    needs: `php -r 'exit(extension_loaded("redis") && extension_loaded("pcntl") ? 0 : 1);'`,
    runner: 'php',
  },
  perl: { title: 'Perl', ending: 'pl', needs: 'perl -MRedis -MJSON -e 1', runner: 'perl' },
  lua: {
    title: 'Lua',
    ending: 'lua',
    needs: `lua5.3 -e 'require "redis" require "cjson" require "mime" require "posix"'`,
    runner: 'lua5.3',
  },
  go: {
    title: 'Go',
    ending: 'go',
    needs: 'command -v go && ls /usr/share/gocode/src/github.com/gomodule/redigo',
    build: (kind, into) => ({
      line: `go build -o ${into} ${kind}.go app.go store.go${kind === 'safe' ? ' presence.go' : ''}`,
      env: { GO111MODULE: 'off', GOPATH: '/usr/share/gocode' },
    }),
  },
  c: {
    title: 'C',
    ending: 'c',
    needs: `printf '#include <hiredis/hiredis.h>\\n#include <jansson.h>\\n' | cc -E - -o /dev/null`,
    build: (kind, into) => ({
      line: `cc -Wall -Wextra -Werror -o ${into} ${kind}.c app.c base64.c store.c ${kind === 'safe' ? 'presence.c' : ''} -lhiredis -ljansson -pthread`,
    }),
  },
  bash: {
    title: 'bash',
    ending: 'sh',
    needs: 'command -v bash && command -v jq && command -v redis-cli',
    runner: 'bash',
  },
  node: { title: 'Node', ending: 'mjs', needs: 'true', runner: process.execPath },
} satisfies Record<string, Language>

export type Name = keyof typeof languages

export const names = Object.keys(languages).filter((name): name is Name => name in languages)

export const titleOf = (name: Name): string => languages[name].title

export const fileOf = (name: Name, kind: Kind): string =>
  join(folder, name, `${kind}.${languages[name].ending}`)

/** Those this machine has what they need for; in CI all. */
export const present: readonly Name[] = names.filter((name) => !lacks(name))

function lacks(name: Name): boolean {
  if (process.env.CI === 'true') return false
  return spawnSync('sh', ['-c', languages[name].needs]).status !== 0
}

/** `describe` where this machine has what the language needs, else skipped with the reason in its name. */
export function describeLanguage(name: Name, suite: () => void): void {
  if (present.includes(name)) describeWithRedis(languages[name].title, suite)
  else describe.skip(`${titleOf(name)} (skipped: this fails here: ${languages[name].needs})`, suite)
}

/** What starts it, as spawn takes it. Builds it first, once and into a folder of this run, where that is to be done. */
export async function commandFor(name: Name, kind: Kind): Promise<[string, string[]]> {
  const { runner, build }: Language = languages[name]
  if (build === undefined) return [runner ?? '', [fileOf(name, kind)]]
  folderOfBuilds ??= mkdtempSync(join(tmpdir(), 'tempest-workers-'))
  const into = join(folderOfBuilds, `${name}-${kind}`)
  const { line, env } = build(kind, into)
  const started =
    builds.get(into) ??
    promisify(execFile)('sh', ['-c', line], {
      cwd: join(folder, name),
      env: { ...process.env, ...env },
    })
  builds.set(into, started)
  await started
  return [into, []]
}

/** Removes what was built. */
export function removeBuilds(): void {
  if (folderOfBuilds !== undefined) rmSync(folderOfBuilds, { recursive: true, force: true })
}

let folderOfBuilds: string | undefined
const builds = new Map<string, Promise<unknown>>()
