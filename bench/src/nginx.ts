/**
 * nginx as quick as it goes: no logs, connections kept without limit, everything it writes in a folder of ours. What it serves is told by who
 * starts it.
 */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Home } from './home.js'
import { findFreePort, findProgram, startProgram, type Program } from './program.js'

export interface Nginx extends Program {
  port: number
}

export interface NginxTerms {
  /** Its folder is called so. */
  name: string
  /** @defaultValue 1 */
  workers?: number
  /** Of each worker process. @defaultValue 4096 */
  connections?: number
  /** A dynamic module's file. */
  module?: string
  /** Further lines of `events` and `http`, and what stands in `server`. */
  events?: string
  http?: string
  server: string
}

export function missNginx(): string | undefined {
  return findProgram('nginx') === undefined ? 'nginx is not installed' : undefined
}

export async function startNginx(home: Home, terms: NginxTerms): Promise<Nginx> {
  const command = findProgram('nginx')
  if (command === undefined) throw new Error(missNginx())
  const port = await findFreePort()
  const folder = home.createFolder(`${terms.name}-${port}`)
  const file = join(folder, 'nginx.conf')
  writeFileSync(file, nginxConfig(folder, port, terms))
  const args = ['-p', folder, '-c', file, '-e', join(folder, 'error.log')]
  return { ...(await startProgram(home, { command, args, port })), port }
}

/** For `http`: servers whose connections are kept. @param servers each with its semicolon */
export function upstream(name: string, servers: string, keep = true): string {
  const kept = keep ? 'keepalive 512; keepalive_requests 1000000000;' : ''
  return `upstream ${name} { ${servers} ${kept} }`
}

/** For a location: passes on to an upstream, as HTTP/1.1. */
export function pass(name: string, keep = true): string {
  return `proxy_pass http://${name};
      proxy_http_version 1.1;
      proxy_set_header Connection "${keep ? '' : 'close'}";`
}

function nginxConfig(folder: string, port: number, terms: NginxTerms): string {
  const { workers = 1, connections = 4096, module, events = '', http = '', server } = terms
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `  ${name}_temp_path ${join(folder, name)};`)
    .join('\n')
  // Its workers must get at what lies in a folder of ours.
  const user = process.getuid?.() === 0 ? 'user root;\n' : ''
  return `daemon off;
${user}${module === undefined ? '' : `load_module ${module};\n`}worker_processes ${workers};
worker_rlimit_nofile 20000;
pid ${join(folder, 'nginx.pid')};
error_log ${join(folder, 'error.log')} error;
events { worker_connections ${connections}; ${events} }
http {
  access_log off;
  keepalive_requests 1000000000;
${temporary}
  ${http}
  server {
    listen 127.0.0.1:${port} backlog=4096${workers > 1 ? ' reuseport' : ''};
    ${server}
  }
}
`
}
