/**
 * nginx and haproxy before a bare Node, each as quick as one process of it goes: one worker or thread, keep-alive on
 * both sides without limit, no logs. Their configuration lives in a temporary folder.
 */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Home } from './home.js'
import { pass, startNginx, upstream } from './nginx.js'
import { findFreePort, findProgram, startProgram, type Program } from './program.js'

export interface Proxy extends Program {
  port: number
}

export function startNginxProxy(home: Home, backend: number): Promise<Proxy> {
  return startNginx(home, {
    name: 'nginx',
    http: upstream('node', `server 127.0.0.1:${backend};`),
    server: `location / { ${pass('node')} }`,
  })
}

export async function startHaproxy(home: Home, backend: number): Promise<Proxy> {
  const command = findProgram('haproxy')
  if (command === undefined) throw new Error('haproxy is not installed')
  const folder = home.createFolder('haproxy')
  const port = await findFreePort()
  const file = join(folder, 'haproxy.cfg')
  writeFileSync(file, haproxyConfig(port, backend))
  return { ...(await startProgram(home, { command, args: ['-db', '-q', '-f', file], port })), port }
}

function haproxyConfig(port: number, backend: number): string {
  return `global
  nbthread 1
  maxconn 4096
defaults
  mode http
  http-reuse always
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend all
  bind 127.0.0.1:${port} backlog 4096
  default_backend node
backend node
  server node 127.0.0.1:${backend}
`
}
