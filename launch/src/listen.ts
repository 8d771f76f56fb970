/**
 * Puts a front's HTTP servers where clients are: on HOST, or without it on both loopback addresses,
 * because `localhost` means either. A machine without IPv6 has one of them. A place that cannot be
 * had is a Refusal naming HOST or PORT.
 */
import { once } from 'node:events'
import type { Server } from 'node:http'
import { Refusal } from './refusal.js'

export interface Place {
  host: string | undefined
  /** 0: any free one. */
  port: number
}

const ATTEMPTS = 10

/**
 * Resolves the port, the same for all servers.
 * @param makeServer makes one that listens nowhere yet; called for each address, and to try again
 */
export async function listen({ host, port }: Place, makeServer: () => Server): Promise<number> {
  if (host !== undefined) return (await open(makeServer(), host, port)).port
  for (let attempt = 1; ; attempt++) {
    const first = await open(makeServer(), '127.0.0.1', port)
    try {
      await open(makeServer(), '::1', first.port)
      return first.port
    } catch (error) {
      if (isWithoutIpv6(error)) return first.port
      first.server.close()
      // A port that is free on one address and not on the other: any other will do when any was
      // asked for.
      if (port !== 0 || attempt === ATTEMPTS) throw error
    }
  }
}

async function open(
  server: Server,
  host: string,
  port: number,
): Promise<{ server: Server; port: number }> {
  server.listen({ host, port })
  try {
    await once(server, 'listening')
  } catch (error) {
    throw refuse(error, host, port)
  }
  const address = server.address()
  return { server, port: typeof address === 'object' && address ? address.port : port }
}

function refuse(error: unknown, host: string, port: number): unknown {
  const code = codeOf(error)
  const options = { cause: error }
  if (code === 'EADDRINUSE') {
    return new Refusal(
      `Port ${port} of ${host} is taken by another program: set PORT to a free one, for example PORT=${port + 1}.`,
      options,
    )
  }
  if (code === 'EACCES') {
    return new Refusal(
      `Port ${port} of ${host} is not open to you: set PORT to one above 1023.`,
      options,
    )
  }
  return code === ''
    ? error
    : new Refusal(`HOST=${host} is not an address of this machine (${code}).`, options)
}

function isWithoutIpv6(error: unknown): boolean {
  const code = codeOf(error instanceof Refusal ? error.cause : error)
  return code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT'
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error && 'code' in error ? String(error.code) : ''
}
