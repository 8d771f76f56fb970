/** Pushes entries to a mailbox: also where Redis is full, and so that the mailbox of a node that is gone does not stay. */
import { join } from 'node:path'
import type { Link } from './link.js'
import { loadScript } from './script.js'

const answerScript = loadScript(join(__dirname, '..', '..', 'lua', 'answer.lua'))

/** @returns the length of the mailbox. @throws what `Link.script` throws. */
export function pushEntries(
  link: Link,
  mailbox: string,
  entries: (string | Buffer)[],
): Promise<unknown> {
  return link.script(answerScript, [mailbox], entries)
}
