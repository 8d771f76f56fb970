/**
 * Where a front takes direct connections, resolved and checked once at the entrance. Pure: it looks up no names.
 *
 * What others than this machine can reach has a password and an address that they can reach; it never guesses either.
 */
import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net'
import { checkInteger, shown } from '@tempest/protocol'

export interface DirectOptions {
  /** The interface to listen at; any but a loopback needs `password` and `advertise`. @defaultValue '127.0.0.1' */
  host?: string | undefined
  /** 0: any that is free. */
  port: number
  /** `host:port` as workers reach it. @defaultValue the host, and the port it got */
  advertise?: string | undefined
  /** What clients say with AUTH. @defaultValue none */
  password?: string | undefined
  /** More are refused. @defaultValue 10000 */
  maxConnections?: number | undefined
}

/** `'host:port'`, `':port'`, a port, or more of it. */
export type Direct = string | number | DirectOptions

export const directDefaults = { host: '127.0.0.1', maxConnections: 10_000 } as const

export interface ResolvedDirect {
  /** Without brackets. */
  host: string
  port: number
  /** Undefined: the host, and the port it got. */
  advertise: string | undefined
  password: string | undefined
  maxConnections: number
}

const MAX_PORT = 65_535
const HOW = "use 'host:port', ':port', a port or an object with a port"
const hostName = /^[a-z0-9_]([a-z0-9._-]*[a-z0-9_.])?$/i
const hostAndPort = /^(\[[^\]]*\]|[^:]*):(\d{1,5})$/

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8)
loopback.addAddress('::1', 'ipv6')
const unspecified = new BlockList()
unspecified.addAddress('0.0.0.0')
unspecified.addAddress('::', 'ipv6')

/** @throws TypeError that names the option. */
export function resolveDirect(direct: unknown): ResolvedDirect {
  const given = fieldsOf(direct)
  const host = given.host === undefined ? directDefaults.host : checkHost('direct.host', given.host)
  const port = checkInteger('direct.port', given.port, 0, MAX_PORT)
  const resolved = {
    host,
    port,
    advertise: given.advertise === undefined ? undefined : checkAdvertise(given.advertise),
    password: given.password === undefined ? undefined : checkPassword(given.password),
    maxConnections: checkInteger(
      'direct.maxConnections',
      given.maxConnections ?? directDefaults.maxConnections,
      1,
    ),
  }
  if (!isLoopback(host)) checkOpen(resolved)
  return resolved
}

/** As text, with brackets around what has colons itself. */
export function addressOf(host: string, port: number): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`
}

type Given = Partial<Record<keyof DirectOptions, unknown>>

function fieldsOf(direct: unknown): Given {
  if (typeof direct === 'number') return { port: direct }
  if (typeof direct === 'string') {
    const [, host, port] = hostAndPort.exec(direct) ?? []
    if (port === undefined) throw new TypeError(`direct: ${HOW}, not ${shown(direct)}`)
    return { host: host === '' ? undefined : host, port: Number(port) }
  }
  if (typeof direct === 'object' && direct !== null && !Array.isArray(direct)) return direct
  throw new TypeError(`direct: ${HOW}, not ${shown(direct)}`)
}

/** @returns without brackets. */
function checkHost(option: string, value: unknown): string {
  const text = typeof value === 'string' ? value : ''
  const bracketed = /^\[(.*)\]$/.exec(text)?.[1]
  if (bracketed !== undefined ? isIPv6(bracketed) : isIP(text) !== 0) return bracketed ?? text
  // Digits and dots alone are no name: they are an address gone wrong, or a way of writing another one.
  if (bracketed === undefined && hostName.test(text) && !/^[\d.]+$/.test(text)) return text
  throw new TypeError(`${option}: use the name or the address of a host, not ${shown(value)}`)
}

function checkAdvertise(value: unknown): string {
  const [, text, port] = hostAndPort.exec(typeof value === 'string' ? value : '') ?? []
  if (port === undefined) {
    throw new TypeError(`direct.advertise: use 'host:port', not ${shown(value)}`)
  }
  const host = checkHost('direct.advertise', text)
  if (isListed(unspecified, host)) {
    throw new TypeError(`direct.advertise: ${host} is no address that workers can reach`)
  }
  return addressOf(host, checkInteger('direct.advertise', Number(port), 1, MAX_PORT))
}

/** The value itself is never shown. */
function checkPassword(value: unknown): string {
  if (typeof value === 'string' && value !== '') return value
  throw new TypeError('direct.password: use a string that is not empty')
}

function checkOpen({ host, password, advertise }: ResolvedDirect): void {
  if (password === undefined) {
    throw new TypeError(`direct.password: ${host} can be reached from elsewhere, so set one`)
  }
  if (advertise === undefined) {
    throw new TypeError(
      `direct.advertise: with the host ${host}, say the 'host:port' at which workers reach it`,
    )
  }
}

function isLoopback(host: string): boolean {
  return host.toLowerCase() === 'localhost' || isListed(loopback, host)
}

function isListed(list: BlockList, host: string): boolean {
  return isIP(host) !== 0 && list.check(host, isIPv4(host) ? 'ipv4' : 'ipv6')
}
