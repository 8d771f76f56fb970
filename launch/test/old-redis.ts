/**
 * A server that answers everything the way Redis 6.2 answers INFO, and does not know HELLO: what no
 * machine at hand has installed.
 */
import { once } from 'node:events'
import { createServer } from 'node:net'

export async function startOldRedis(): Promise<{ url: string; stop: () => void }> {
  const info = 'redis_version:6.2.14\r\nmaxmemory_policy:noeviction\r\nrole:master\r\n'
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (data) => {
      const commands = data.toString().match(/^\*\d+/gm) ?? []
      const hello = /hello/i.test(data.toString())
      const reply = hello ? '-ERR unknown command `HELLO`\r\n' : `$${info.length}\r\n${info}\r\n`
      socket.write(reply.repeat(commands.length))
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return { url: `redis://127.0.0.1:${port}`, stop: () => void server.close() }
}
