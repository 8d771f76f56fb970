/** Small writes that must succeed on a full Redis too. */
import { join } from 'node:path'
import type { Argument, Link } from './link.js'
import { loadScript } from './script.js'

const anywayScript = loadScript(join(__dirname, '..', '..', 'lua', 'anyway.lua'))

/** Lua's unpack fails near 8,000 values. */
const MAX_VALUES = 500

/** The same for any number of values, as RPUSH and SADD take them. */
export async function sendAllAnyway(
  link: Link,
  command: string,
  key: string,
  values: Argument[],
): Promise<void> {
  for (let from = 0; from < values.length; from += MAX_VALUES) {
    await sendAnyway(link, command, key, values.slice(from, from + MAX_VALUES))
  }
}

/** Sends a command with one key, by a script that a full Redis lets run. @throws what `Link.script` throws. */
export function sendAnyway(
  link: Link,
  command: string,
  key: string,
  args: Argument[],
): Promise<unknown> {
  return link.script(anywayScript, [key], [command, ...args])
}
