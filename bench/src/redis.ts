/** A private Redis for each target that needs one, and the few things the bench asks it. Never the machine's own. */

import { Redis as Client } from 'ioredis'
import { bringRedis, startRedis, type RedisServer } from '@tempest/launch'
import type { Home } from './home.js'

export async function startPrivateRedis(home: Home): Promise<RedisServer> {
  const binary = await bringRedis({ note: (line) => console.log(line) })
  const server = await startRedis({ binary })
  home.onClose(() => server.stop())
  return server
}

/** A connection of the bench's own, idle while a cell is measured. */
export class RedisReader {
  readonly #client: Client

  constructor(home: Home, url: string) {
    this.#client = new Client(url)
    // Its end comes with the server's; an error in between shows in the command that meets it.
    this.#client.on('error', () => undefined)
    home.onClose(() => this.close())
  }

  length(list: string): Promise<number> {
    return this.#client.llen(list)
  }

  delete(key: string): Promise<number> {
    return this.#client.del(key)
  }

  /** All keys; on a private Redis with few of them that is harmless. */
  async keys(): Promise<string[]> {
    return (await this.#client.keys('*')).sort()
  }

  /** Bytes in use, as Redis counts them. */
  async memory(): Promise<number> {
    const info = await this.#client.info('memory')
    return Number(/^used_memory:(\d+)/m.exec(info)?.[1])
  }

  /** Bytes that clients have sent it. */
  async received(): Promise<number> {
    const info = await this.#client.info('stats')
    return Number(/^total_net_input_bytes:(\d+)/m.exec(info)?.[1])
  }

  close(): Promise<void> {
    this.#client.disconnect()
    return Promise.resolve()
  }
}
