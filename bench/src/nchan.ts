/**
 * Nchan as quick and as small as it goes: messages in its own memory, no logs, no chunks, no pings, publishers kept alive without limit,
 * and pools that fit a request of a stream (with nginx's own a subscriber takes a third more).
 *
 * Its buffer holds more than a burst, or a worker that lags behind would miss messages.
 */

import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Home } from './home.js'
import { findFreePort, findProgram, startProgram, type Program } from './program.js'

const MODULE = 'ngx_nchan_module.so'
const folders = ['/usr/lib/nginx/modules', '/usr/share/nginx/modules', '/usr/lib64/nginx/modules']

export interface Nchan extends Program {
  port: number
}

/** Why it cannot run here. */
export function missNchan(): string | undefined {
  if (findProgram('nginx') === undefined) return 'nginx is not installed'
  if (findModule() === undefined) return 'the nginx module nchan is not (libnginx-mod-nchan)'
  return undefined
}

export async function startNchan(home: Home, workers: number): Promise<Nchan> {
  const command = findProgram('nginx')
  const module = findModule()
  if (command === undefined || module === undefined) throw new Error(missNchan())
  const port = await findFreePort()
  const folder = home.createFolder(`nchan-${port}`)
  const file = join(folder, 'nginx.conf')
  writeFileSync(file, nchanConfig(folder, module, port, workers))
  const args = ['-p', folder, '-c', file, '-e', join(folder, 'error.log')]
  return { ...(await startProgram(home, { command, args, port })), port }
}

function findModule(): string | undefined {
  return folders.map((folder) => join(folder, MODULE)).find((path) => existsSync(path))
}

function nchanConfig(folder: string, module: string, port: number, workers: number): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `  ${name}_temp_path ${join(folder, name)};`)
    .join('\n')
  return `daemon off;
load_module ${module};
worker_processes ${workers};
worker_rlimit_nofile 20000;
pid ${join(folder, 'nginx.pid')};
error_log ${join(folder, 'error.log')} error;
events {
  worker_connections 19000;
  multi_accept on;
}
http {
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  chunked_transfer_encoding off;
  connection_pool_size 256;
  request_pool_size 1k;
  client_header_buffer_size 512;
  output_buffers 1 1k;
${temporary}
  server {
    listen 127.0.0.1:${port} backlog=4096${workers > 1 ? ' reuseport' : ''};
    location = /sub/test {
      nchan_subscriber eventsource;
      nchan_subscriber_first_message newest;
      nchan_channel_id test;
    }
    location = /pub/test {
      nchan_publisher;
      nchan_channel_id test;
      nchan_message_buffer_length 1000;
      nchan_message_timeout 10s;
    }
  }
}
`
}
