/**
 * Nchan as quick and as small as it goes: messages in its own memory, no logs, no chunks, no pings, publishers kept alive without limit,
 * and pools that fit a request of a stream (with nginx's own a subscriber takes a third more).
 *
 * Its buffer holds more than a burst, or a worker that lags behind would miss messages.
 */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Home } from './home.js'
import { missNginx, type Nginx, startNginx } from './nginx.js'

const MODULE = 'ngx_nchan_module.so'
const folders = ['/usr/lib/nginx/modules', '/usr/share/nginx/modules', '/usr/lib64/nginx/modules']

/** Why it cannot run here. */
export function missNchan(): string | undefined {
  if (findModule() !== undefined) return missNginx()
  return missNginx() ?? 'the nginx module nchan is not (libnginx-mod-nchan)'
}

export async function startNchan(home: Home, workers: number): Promise<Nginx> {
  const module = findModule()
  if (module === undefined) throw new Error(missNchan())
  return startNginx(home, {
    ...{ name: 'nchan', module, workers, connections: 19_000, events: 'multi_accept on;' },
    http: `keepalive_timeout 600s;
  chunked_transfer_encoding off;
  connection_pool_size 256;
  request_pool_size 1k;
  client_header_buffer_size 512;
  output_buffers 1 1k;`,
    server: `location = /sub/test {
      nchan_subscriber eventsource;
      nchan_subscriber_first_message newest;
      nchan_channel_id test;
    }
    location = /pub/test {
      nchan_publisher;
      nchan_channel_id test;
      nchan_message_buffer_length 1000;
      nchan_message_timeout 10s;
    }`,
  })
}

function findModule(): string | undefined {
  return folders.map((folder) => join(folder, MODULE)).find((path) => existsSync(path))
}
