/**
 * What usually serves HTTP in a language behind nginx, where Debian has it: one process that answers one request at a time,
 * as a worker does (net/http and node:http by their nature many), with the same answer (`bench/languages/hello.*`).
 */

import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { findProgram } from '../program.js'

const hellos = resolve(__dirname, '../../languages')

/** Where it runs. */
interface Place {
  /** For its files. */
  folder: string
  /** The path of its socket, or 127.0.0.1 and a port. */
  at: string
}

export interface Server {
  title: string
  /** A shell's line that fails where something is missing. */
  needs: string
  speaks: 'http' | 'fastcgi'
  /** nginx keeps connections to it. Not to those whose one process would serve one connection only, until that ends. */
  keepAlive: boolean
  /** The file FastCGI is to run. */
  script?: string
  command(place: Place): { command: string; args: string[]; env?: NodeJS.ProcessEnv }
}

const isPath = (at: string): boolean => at.startsWith('/')
const hello = (ending: string): string => join(hellos, `hello.${ending}`)
/** Debian names it after its version. */
const fpm = ['php-fpm', 'php-fpm8.2', 'php-fpm8.3', 'php-fpm8.4'].find(
  (name) => findProgram(name) !== undefined,
)

/** By the language's name. C, Lua and bash have none. */
export const servers: Readonly<Record<string, Server>> = {
  python: {
    title: 'gunicorn, 1 sync worker',
    needs: `/usr/bin/python3 -c 'import gunicorn'`,
    ...{ speaks: 'http', keepAlive: false },
    command: ({ at }) => ({
      command: '/usr/bin/python3',
      args: [
        ...['-m', 'gunicorn', '--workers', '1', '--worker-class', 'sync', '--log-level', 'error'],
        ...['--bind', isPath(at) ? `unix:${at}` : at, '--pythonpath', hellos, 'hello:app'],
      ],
    }),
  },
  ruby: {
    title: 'puma, 1 thread',
    needs: 'command -v puma',
    ...{ speaks: 'http', keepAlive: true },
    command: ({ at }) => ({
      command: 'puma',
      args: [
        ...['--config', '-', '--environment', 'production', '--workers', '0', '--threads', '1:1'],
        ...['--bind', `${isPath(at) ? 'unix' : 'tcp'}://${at}`, hello('ru')],
      ],
    }),
  },
  php: {
    title: 'php-fpm, 1 child',
    needs: fpm === undefined ? 'command -v php-fpm' : 'true',
    ...{ speaks: 'fastcgi', keepAlive: false, script: hello('php') },
    command: ({ folder, at }) => {
      const file = join(folder, 'fpm.conf')
      const pool = `listen = ${at}\nlisten.mode = 0666\npm = static\npm.max_children = 1\n`
      const log = join(folder, 'fpm.log')
      writeFileSync(file, `[global]\nerror_log = ${log}\ndaemonize = no\n[hello]\n${pool}`)
      const command = findProgram(fpm ?? '') ?? ''
      return { command, args: ['--nodaemonize', '--allow-to-run-as-root', '--fpm-config', file] }
    },
  },
  perl: {
    title: 'starman, 1 worker',
    needs: 'command -v starman',
    ...{ speaks: 'http', keepAlive: false },
    command: ({ at }) => ({
      command: 'starman',
      args: [
        ...['--env', 'deployment', '--workers', '1', '--max-requests', '1000000000'],
        ...['--listen', at, hello('psgi')],
      ],
    }),
  },
  go: {
    title: 'net/http',
    needs: 'command -v go',
    ...{ speaks: 'http', keepAlive: true },
    command: ({ folder, at }) => {
      const into = join(folder, 'hello')
      execFileSync('go', ['build', '-o', into, hello('go')])
      return { command: into, args: [at] }
    },
  },
  node: {
    title: 'node:http',
    needs: 'true',
    ...{ speaks: 'http', keepAlive: true },
    command: ({ at }) => ({ command: process.execPath, args: [hello('mjs'), at] }),
  },
}
