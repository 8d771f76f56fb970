import { afterEach, expect, test } from '@jest/globals'
import { createServer, type Server } from 'node:http'
import { listen } from '../src/listen'
import { freePort } from './launched'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

function makeServer(): Server {
  const server = createServer((_request, response) => response.end('here'))
  servers.push(server)
  return server
}

test('without a host both loopback addresses have the same port', async () => {
  const port = await listen({ host: undefined, port: 0 }, makeServer)
  for (const host of ['127.0.0.1', 'localhost']) {
    expect(await (await fetch(`http://${host}:${port}`)).text()).toBe('here')
  }
  const addresses = servers.map((server) => server.address()).filter((address) => address !== null)
  for (const address of addresses) expect(address).toMatchObject({ port })
})

test('with a host only that one is listened on', async () => {
  const port = await listen({ host: '127.0.0.1', port: 0 }, makeServer)
  expect(port).toBeGreaterThan(0)
  expect(servers).toHaveLength(1)
})

test('a port that is taken on ::1 only is taken: localhost would lead there', async () => {
  // One that the system gives to nobody: on 127.0.0.1 it is free.
  const other = createServer().listen(await freePort(), '::1')
  servers.push(other)
  const opened = await new Promise<boolean>((resolve) => {
    other.once('listening', () => resolve(true)).once('error', () => resolve(false))
  })
  const address = other.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const listening = listen({ host: undefined, port }, makeServer)
  if (opened) await expect(listening).rejects.toThrow(/of ::1 is taken.*set PORT/)
  else await listening // no IPv6 here, nobody to meet
})
