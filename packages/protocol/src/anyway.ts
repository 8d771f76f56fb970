/** Small writes that must succeed on a full Redis too. */
import { join } from 'node:path'
import type { Argument, Link } from './link.js'
import { loadScript } from './script.js'

const anywayScript = loadScript(join(__dirname, '..', 'lua', 'anyway.lua'))

/** Sends a command with one key, by a script that a full Redis lets run. @throws what `Link.script` throws. */
export function sendAnyway(
  link: Link,
  command: string,
  key: string,
  args: Argument[],
): Promise<unknown> {
  return link.script(anywayScript, [key], [command, ...args])
}
