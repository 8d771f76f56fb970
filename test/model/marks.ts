/**
 * The marks of one worker: ids of the jobs of a further attempt that it runs. Those against which something stands run alone among their like.
 * A mark goes when its job is out of the held list.
 */
import { bystander, keys, splitId } from '@tempest/protocol'
import type { Popped } from '../../packages/worker/src/held'
import type { World } from './world'

export class Marks {
  readonly #world: World
  readonly #boot: string
  readonly #marked = new Map<Popped, string>()

  constructor(world: World, boot: string) {
    this.#world = world
    this.#boot = boot
  }

  get #set(): Set<string> {
    return this.#world.store.set(keys.suspects(this.#world.queue, this.#boot))
  }

  /** Marks a job that is about to begin. `wait`: another suspect runs; `swept`: this worker has to look what is still its own. */
  mark(popped: Popped, id: string): 'begin' | 'wait' | 'swept' {
    const { store, queue, faults } = this.#world
    const suspect = store.list(keys.history(queue, splitId(id).base)).length > 0
    const alone = suspect && !faults.suspectsTogether
    // A push that was repeated may have made it twice, under one id.
    const others = [...this.#set].some((mark) => mark !== id && !mark.startsWith('+'))
    if (alone && others) return 'wait'
    if (faults.unmarked) return 'begin'
    const here = store.zset(keys.workers(queue)).has(this.#boot)
    if (!here && !faults.marksSwept) return 'swept'
    const mark = suspect ? id : bystander(id)
    this.#set.add(mark)
    this.#marked.set(popped, mark)
    return 'begin'
  }

  unmark(popped: Popped): void {
    const mark = this.#marked.get(popped)
    this.#marked.delete(popped)
    if (mark !== undefined) this.#set.delete(mark)
  }

  /** The held list was read anew: writes the marks of what is still in it. */
  renew(held: readonly string[]): void {
    for (const popped of this.#marked.keys()) {
      // What has ended but was not removed yet is still named: it has begun.
      if (popped.done && !held.includes(popped.raw.toString())) this.#marked.delete(popped)
    }
    const { store, queue } = this.#world
    store.sets.set(keys.suspects(queue, this.#boot), new Set(this.#marked.values()))
  }
}
