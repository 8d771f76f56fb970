/**
 * How a person at this terminal reaches a Redis with redis-cli: a command that was tried, or none.
 */
import { relative } from 'node:path'
import { findExecutable, foldersOf } from './executable.js'
import type { RedisClient } from './redis-binary.js'
import { isPrintable, type RedisAddress } from './redis-url.js'
import { runCommand } from './run-command.js'
import { assign, quote } from './shell.js'

/** @param cwd the folder the person is in */
export async function makeCliCommand(
  client: RedisClient | undefined,
  redis: RedisAddress,
  cwd: string,
): Promise<string | undefined> {
  if (!client) return undefined
  const command = `${assign(client.env)}${nameOf(client.command, cwd)} ${placeOf(redis)}`
  const options = { cwd, env: { [redis.source]: redis.url } }
  const { stdout } = await runCommand('sh', ['-c', `${command} PING`], options)
  return stdout.trim() === 'PONG' ? command : undefined
}

/** A private server's port says all; a URL with a secret stays in its variable. */
function placeOf({ url, source }: RedisAddress): string {
  const local = /^redis:\/\/127\.0\.0\.1:(\d+)$/.exec(url)
  if (local) return `-p ${local[1] ?? ''}`
  if (!isPrintable(url)) return `-u "$${source}"`
  return url.startsWith('/') ? `-s ${quote(url)}` : `-u ${quote(url)}`
}

function nameOf(command: string, cwd: string): string {
  const name = command.slice(command.lastIndexOf('/') + 1)
  if (findExecutable(foldersOf(), name) === command) return name
  const path = relative(cwd, command)
  return quote(path.startsWith('..') ? command : `./${path}`)
}
