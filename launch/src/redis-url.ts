/**
 * The address of a Redis as a person gave it: checked, printable without its password, and as
 * arguments for redis-cli. A message never repeats a URL that could not be read: it might hold a
 * password where we do not look for one.
 */
import { Refusal } from './refusal.js'

export interface RedisAddress {
  /** As ioredis takes it: redis://, rediss://, or the path of a socket. Holds the password. */
  url: string
  /** Where it comes from: the variable's name. */
  source: string
}

export function readRedisUrl(source: string, text: string): RedisAddress {
  const path = /^(?:unix:\/\/)?(\/.+)$/.exec(text)?.[1]
  if (path !== undefined) return { url: path, source }
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (
    (url?.protocol !== 'redis:' && url?.protocol !== 'rediss:') ||
    url.hostname === '' ||
    !/^\/?\d*$/.test(url.pathname)
  ) {
    throw new Refusal(
      `${source} is not the URL of a Redis: use redis://host:6379, rediss://user:password@host:6379/0 ` +
        'or unix:///path/of/redis.sock.',
    )
  }
  return { url: text, source }
}

/** The URL as it may be shown: the password and everything behind a question mark are left out. */
export function maskUrl(url: string): string {
  if (url.startsWith('/')) return `unix://${url.replace(/\?.*$/, '')}`
  const masked = new URL(url)
  if (masked.password !== '') masked.password = '***'
  masked.search = ''
  return masked.href
}

/** Whether the URL can be printed whole, so that a person can use it again. */
export function isPrintable(url: string): boolean {
  return url.startsWith('/') ? !url.includes('?') : maskUrl(url) === new URL(url).href
}
