/**
 * Replies as RESP2 and RESP3 have them. Pure.
 *
 * Nothing that is put into a reply can end it or begin another: texts in lines are cleaned, everything else has its length first.
 * Strings are to be written as UTF-8.
 */

export type Reply = string | Buffer
export type Protocol = 2 | 3

const MAX_TEXT = 200
const CRLF = Buffer.from('\r\n')

export const OK = '+OK\r\n'

export function simple(text: string): string {
  return `+${line(text)}\r\n`
}

/** @param code the word by which clients know it */
export function error(text: string, code = 'ERR'): string {
  return `-${code} ${line(text)}\r\n`
}

export function integer(value: number): string {
  return `:${value}\r\n`
}

export function bulk(value: string | Buffer): Reply {
  if (typeof value === 'string') return `$${Buffer.byteLength(value)}\r\n${value}\r\n`
  return Buffer.concat([Buffer.from(`$${value.length}\r\n`), value, CRLF])
}

export function nullReply(protocol: Protocol): string {
  return protocol === 3 ? '_\r\n' : '$-1\r\n'
}

/** @param parts replies themselves */
export function array(parts: readonly Reply[]): Reply {
  return joined([`*${parts.length}\r\n`, ...parts])
}

/** Keys and values in turn where there are no maps yet. @param entries replies themselves */
export function map(protocol: Protocol, entries: readonly (readonly [Reply, Reply])[]): Reply {
  const parts = entries.flat()
  return protocol === 3 ? joined([`%${entries.length}\r\n`, ...parts]) : array(parts)
}

function joined(parts: readonly Reply[]): Reply {
  if (parts.every((part) => typeof part === 'string')) return parts.join('')
  return Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)))
}

function line(text: string): string {
  // eslint-disable-next-line no-control-regex -- these are what could end the line
  return text.slice(0, MAX_TEXT).replace(/[\x00-\x1f\x7f]+/g, ' ')
}
