/** Puts jobs that were not begun back to the heads of the lists they came from, in order. */
import { type Connections, keys, priorities } from '@tempest/protocol'
import type { Popped } from './held.js'
import { returnScript } from './scripts.js'

/** @param returned called with those that are back. */
export async function giveBack(
  { commands, boot }: Connections,
  queue: string,
  jobs: readonly Popped[],
  returned: (jobs: Popped[]) => void,
): Promise<void> {
  for (const priority of priorities) {
    const mine = jobs.filter((job) => job.priority === priority && !job.begun && !job.done)
    if (mine.length === 0) continue
    const raws = mine.map((job) => job.raw).reverse()
    const lists = [keys.held(queue, boot), keys.queue(queue, priority)]
    await commands.script(returnScript, lists, raws)
    returned(mine)
    // Whoever is parked on the normal list does not notice by itself.
    if (priority !== 'normal') await commands.send('publish', [keys.bell(queue), ''])
  }
}
