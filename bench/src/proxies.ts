/**
 * nginx and haproxy before a bare Node, each as quick as one process of it goes: one worker or thread, keep-alive on
 * both sides without limit, no logs. Their configuration lives in a temporary folder.
 */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Home } from './home.js'
import { findFreePort, startProgram, type Program } from './program.js'

export interface Proxy extends Program {
  port: number
}

export async function startNginx(home: Home, command: string, backend: number): Promise<Proxy> {
  const folder = home.createFolder('nginx')
  const port = await findFreePort()
  const file = join(folder, 'nginx.conf')
  writeFileSync(file, nginxConfig(folder, port, backend))
  const args = ['-p', folder, '-c', file, '-e', join(folder, 'error.log')]
  return { ...(await startProgram(home, { command, args, port })), port }
}

export async function startHaproxy(home: Home, command: string, backend: number): Promise<Proxy> {
  const folder = home.createFolder('haproxy')
  const port = await findFreePort()
  const file = join(folder, 'haproxy.cfg')
  writeFileSync(file, haproxyConfig(port, backend))
  return { ...(await startProgram(home, { command, args: ['-db', '-q', '-f', file], port })), port }
}

function nginxConfig(folder: string, port: number, backend: number): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `  ${name}_temp_path ${join(folder, name)};`)
    .join('\n')
  return `daemon off;
worker_processes 1;
pid ${join(folder, 'nginx.pid')};
error_log ${join(folder, 'error.log')} error;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 1000000000;
${temporary}
  upstream node {
    server 127.0.0.1:${backend};
    keepalive 512;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://node;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`
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
