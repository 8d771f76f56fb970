/** Memory of a Node process under test, read after garbage collections. */

import type { Child } from './child.js'

export interface Memory {
  /** Of the whole process, as the system counts it. */
  rss: number
  /** Live JavaScript objects, and what they hold outside of the heap. */
  live: number
}

export async function readMemory(child: Child): Promise<Memory> {
  const answer = await child.ask('memory')
  if (typeof answer === 'object' && answer !== null) {
    const { rss, heapUsed, external } = { rss: 0, heapUsed: 0, external: 0, ...answer }
    if (rss > 0 && heapUsed > 0) return { rss, live: heapUsed + external }
  }
  throw new Error(`${child.name} did not tell its memory`)
}
