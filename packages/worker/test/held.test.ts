/**
 * The mirror of a held list against a list as Redis would keep it, whatever gets lost on the way: nothing that is
 * finished is run again, nothing that is unfinished is removed, and in the end nothing is left.
 */
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Held, type Popped, type Removal } from '../src/held'

/** A worker's side and Redis' side of one held list. */
class World {
  readonly held = new Held()
  /** The list as Redis has it. */
  list: string[] = []
  running: Popped[] = []
  /** Raws of all jobs that were ever finished, for comparing with what is called new. */
  readonly finished = new Set<string>()
  readonly givenBack: string[] = []
  /** Removals carried out by Redis whose replies are still on their way, oldest first. */
  #replies: Removal[] = []
  /** Something was lost: the mirror may not be drained before it was reconciled. */
  troubled = false
  #made = 0
  readonly #kinds: number

  /** @param kinds how many different jobs there are; Infinity: each is different */
  constructor(kinds: number) {
    this.#kinds = kinds
  }

  #fresh(count: number): string[] {
    return Array.from({ length: count }, () => `job-${this.#made++ % this.#kinds}`)
  }

  pop(count: number): void {
    for (const raw of this.#fresh(count)) {
      this.list.push(raw)
      this.running.push(this.held.add(Buffer.from(raw), 'normal'))
    }
  }

  /** Redis moved jobs, and the reply was lost. */
  popLost(count: number): void {
    this.list.push(...this.#fresh(count))
    this.trouble()
  }

  finish(at: number): void {
    const [popped] = this.running.splice(at % Math.max(this.running.length, 1), 1)
    if (!popped) return
    this.finished.add(popped.raw.toString())
    this.held.finish(popped)
    this.held.finish(popped) // told twice is told once
  }

  /** Sends a removal; Redis carries it out, the reply comes later. */
  drain(): void {
    if (this.troubled) return
    const removal = this.held.drain()
    this.#carryOut(removal)
    this.#replies.push(removal)
  }

  /** Sends a removal that never arrives. */
  drainLost(): void {
    if (this.troubled) return
    this.held.drain()
    this.trouble()
  }

  confirm(): void {
    const removal = this.#replies.shift()
    if (removal) this.held.removed(removal)
  }

  /** The connection broke: what was not confirmed never will be. */
  trouble(): void {
    this.#replies = []
    this.troubled = true
  }

  reconcile(): void {
    this.#replies = []
    const fresh = this.held.reconcile(this.list.map((raw) => Buffer.from(raw)))
    this.running.push(...fresh)
    this.troubled = false
    if (this.#kinds === Infinity) {
      const again = fresh.map(({ raw }) => raw.toString()).filter((raw) => this.finished.has(raw))
      expect(again).toEqual([])
    }
    this.check()
  }

  /** Puts a running job back, as one that was not begun. */
  giveBack(at: number): void {
    if (this.troubled) return
    const [popped] = this.running.splice(at % Math.max(this.running.length, 1), 1)
    if (!popped) return
    const raw = popped.raw.toString()
    this.list.splice(this.list.lastIndexOf(raw), 1)
    this.givenBack.push(raw)
    this.held.forget([popped])
  }

  #carryOut(removal: Removal): void {
    this.list.splice(0, removal.drop)
    for (const raw of removal.raws) {
      const text = raw.toString()
      const at = removal.count < 0 ? this.list.lastIndexOf(text) : this.list.indexOf(text)
      if (at >= 0) this.list.splice(at, 1)
    }
  }

  /** Every running job stands in the list. */
  check(): void {
    const counts = new Map<string, number>()
    for (const raw of this.list) counts.set(raw, (counts.get(raw) ?? 0) + 1)
    const missing: string[] = []
    for (const popped of this.running) {
      const raw = popped.raw.toString()
      const count = counts.get(raw) ?? 0
      if (count === 0) missing.push(raw)
      counts.set(raw, count - 1)
    }
    expect(missing).toEqual([])
    expect(this.held.size).toBeGreaterThanOrEqual(this.running.length)
  }

  /** All jobs end in peace. */
  end(): void {
    if (this.troubled) this.reconcile()
    while (this.running.length > 0) this.finish(0)
    this.drain()
    while (this.#replies.length > 0) this.confirm()
    expect(this.list).toEqual([])
    expect([this.held.size, this.held.dirty]).toEqual([0, false])
  }
}

type Step = (world: World) => void

const peaceful: fc.Arbitrary<Step>[] = [
  fc.integer({ min: 1, max: 4 }).map((n) => (world) => world.pop(n)),
  fc.nat(50).map((at) => (world) => world.finish(at)),
  fc.nat(50).map((at) => (world) => world.finish(at)),
  fc.constant((world) => world.drain()),
  fc.constant((world) => world.confirm()),
  fc.nat(50).map((at) => (world) => world.giveBack(at)),
]
const troublesome: fc.Arbitrary<Step>[] = [
  fc.integer({ min: 1, max: 3 }).map((n) => (world) => world.popLost(n)),
  fc.constant((world) => world.drainLost()),
  fc.constant((world) => world.trouble()),
  fc.constant((world) => world.reconcile()),
  fc.constant((world) => world.reconcile()),
]

/** Runs any sequence of steps, checking after each. */
function holds(
  steps: fc.Arbitrary<Step>[],
  kinds: number,
  { held = 0, numRuns = 1000 } = {},
): void {
  fc.assert(
    fc.property(fc.array(fc.oneof(...steps), { maxLength: 60 }), (sequence) => {
      const world = new World(kinds)
      world.pop(held)
      for (const step of sequence) {
        step(world)
        world.check()
      }
      world.end()
    }),
    { numRuns },
  )
}

describe('a held list', () => {
  test('loses no unfinished job and runs no finished one again, whatever is lost on the way', () => {
    holds([...peaceful, ...troublesome], Infinity)
  })

  test('loses no unfinished job where jobs are equal byte for byte', () => {
    holds(peaceful, 3)
  })

  test('does so also where it is long, and what is finished is looked for from its end', () => {
    holds([...peaceful, ...troublesome], Infinity, { held: 300, numRuns: 50 })
    holds(peaceful, 50, { held: 300, numRuns: 50 })
  })

  test('loses no unfinished job where equal jobs were moved by a call whose reply was lost', () => {
    const lost = fc.integer({ min: 1, max: 3 }).map((n): Step => (world) => {
      // What was finished is out of the list: such a job could not be told from a new one that is equal to it.
      world.drain()
      for (let i = 0; i < 100; i++) world.confirm()
      world.popLost(n)
      world.reconcile()
    })
    holds([...peaceful, lost], 3)
  })

  test('removes by count what is finished at its head, and by its bytes what is finished elsewhere', () => {
    const held = new Held()
    const [a, b, c, d, e] = ['a', 'b', 'c', 'd', 'e'].map((raw) =>
      held.add(Buffer.from(raw), 'normal'),
    )
    if (!a || !b || !c || !d || !e) throw new Error('five were added')
    for (const popped of [b, a, d]) held.finish(popped)
    expect(held.dirty).toBe(true)
    const removal = held.drain()
    expect([removal.drop, removal.count, removal.raws.map(String)]).toEqual([2, 1, ['d']])
    expect([held.dirty, held.size]).toEqual([false, 5])
    held.removed(removal)
    expect(held.size).toBe(2)
    held.finish(e)
    expect([held.drain()].map(({ drop, raws }) => [drop, raws.map(String)])).toEqual([[0, ['e']]])
  })

  test('remembers from which list a job came, and calls normal what it has only read', () => {
    const held = new Held()
    const high = held.add(Buffer.from('a'), 'high')
    const fresh = held.reconcile([Buffer.from('a'), Buffer.from('b')])
    expect(high.priority).toBe('high')
    expect(fresh.map(({ raw, priority }) => [raw.toString(), priority])).toEqual([['b', 'normal']])
  })

  test('takes what Redis no longer holds as finished', () => {
    const held = new Held()
    const [a, b] = [held.add(Buffer.from('a'), 'normal'), held.add(Buffer.from('b'), 'normal')]
    expect(held.reconcile([Buffer.from('b')])).toEqual([])
    expect([a.done, b.done, held.size]).toEqual([true, false, 1])
    held.finish(a)
    expect(held.dirty).toBe(false)
  })

  test('a job that was given back is nobody’s to begin or finish any more', () => {
    const held = new Held()
    const [one, two] = ['a', 'b'].map((id) => held.add(Buffer.from(id), 'normal'))
    if (!one || !two) throw new Error('two were added')
    held.forget([one])
    expect(one.done).toBe(true)
    held.finish(one)
    held.forget([one])
    expect([held.size, held.dirty, held.unbegun()]).toEqual([1, false, [two]])
  })
})
