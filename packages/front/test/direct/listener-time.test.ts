/** How long a direct connection may take for what it says. The clock is ours here; the front around it is not there. */
import { afterEach, describe, expect, test } from '@jest/globals'
import { createNode, type Node } from '@tempest/protocol'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { DirectConnection } from '../../src/direct/connection'
import type { ConnectionOwner } from '../../src/direct/connection-owner'
import { Replier } from '../../src/direct/replier'
import { until } from '../../../../test/helpers/until'
import { atClose, closeAll } from '../serve'
import { command, RespClient } from './resp'

afterEach(closeAll)

/** Without a Redis: nothing that is asked here needs one. */
function aNode(): Node {
  const node = createNode({ redis: 'redis://127.0.0.1:1' })
  atClose(() => node.stop())
  return node
}

interface Pair {
  client: RespClient
  connection: DirectConnection
  /** As the listener does a few times a second, so many seconds from now, or from then. */
  later(seconds: number, from?: number): void
  held: number
}

async function connected(password?: string): Promise<Pair> {
  const node = aNode()
  const pair = { held: 0 }
  const owner: ConnectionOwner = {
    facts: { boot: node.boot, password, version: '1', startedAt: Date.now(), connections: () => 1 },
    legacy: false,
    strange: () => undefined,
    announced: () => undefined,
    left: () => undefined,
    holds: (bytes) => {
      pair.held += bytes
      return true
    },
    ended: () => undefined,
  }
  let connection: DirectConnection | undefined
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    connection = new DirectConnection(socket, 1, new Replier(node), owner)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  atClose(() => server.close())
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const client = await RespClient.open(`127.0.0.1:${port}`)
  const accepted = await until(() => connection)
  return Object.assign(pair, {
    client,
    connection: accepted,
    later: (seconds: number, from = performance.now()) => accepted.look(from + 1000 * seconds),
  })
}

describe('a direct connection', () => {
  test('that does not say the password is sent away after a while, whatever else it says', async () => {
    const { client, later } = await connected('pw')
    expect(await client.say('ping')).toMatch(/^-NOAUTH /)
    later(5)
    expect(await client.say('ping')).toMatch(/^-NOAUTH /)
    later(11)
    await client.closed
    expect(client.heard.at(-1)).toMatch(/^-ERR .*password/)
  })

  test('that has said the password may be silent for as long as it likes', async () => {
    const { client, later } = await connected('pw')
    expect(await client.say('auth', 'pw')).toBe('+OK')
    later(1_000_000)
    expect(await client.say('ping')).toBe('+PONG')
  })

  test('that says RESET is given the time for the password again', async () => {
    const { client, later } = await connected('pw')
    expect(await client.say('auth', 'pw')).toBe('+OK')
    later(60)
    expect(await client.say('reset')).toBe('+RESET')
    later(5)
    expect(await client.say('auth', 'pw')).toBe('+OK')
    later(60)
    expect(await client.say('ping')).toBe('+PONG')
    await client.say('reset')
    later(11)
    await client.closed
  })

  test('that does not finish a command is sent away after a while, though bytes of it come', async () => {
    const pair = await connected()
    const { client, later } = pair
    const bytes = command('chunk', 'x', 'y'.repeat(100), 0)
    client.write(bytes.subarray(0, 60))
    await until(() => pair.held === 60)
    later(30)
    client.write(bytes.subarray(60, 100))
    await until(() => pair.held === 100)
    later(61)
    await client.closed
    expect(client.heard).toEqual([expect.stringMatching(/^-ERR /)])
    await until(() => pair.held === 0)
  })

  test('that finishes each command has the whole time for the next', async () => {
    const pair = await connected()
    const { client, later } = pair
    for (let i = 0; i < 3; i++) {
      const began = performance.now()
      client.write('pi')
      await until(() => pair.held === 2)
      later(59, began)
      client.write('ng\n')
      expect(await client.reply(i)).toBe('+PONG')
      later(1000)
    }
    expect(await client.reply(2)).toBe('+PONG')
  })

  test('that is sent away and does not read is closed after a while', async () => {
    const pair = await connected()
    const { client, connection, later } = pair
    client.socket.pause()
    client.write(Buffer.concat([command('echo', Buffer.alloc(15_000_000)), command('quit')]))
    await until(() => connection.meant)
    const gone = new Promise((resolve) =>
      client.socket.once('error', resolve).once('close', resolve),
    )
    later(1)
    later(60)
    client.write(Buffer.alloc(1000))
    client.socket.resume()
    await gone
    await until(() => pair.held === 0)
  })
})
