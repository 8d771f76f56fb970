/**
 * The scripts that move jobs (lua/*.lua), said once more as plain code over a `Store`, so that their decisions can be interleaved with
 * everything else. That they say the same is tested against a real Redis (scripts.test.ts).
 */
import type { Faults } from './faults'
import type { Store } from './store'

type Value = string | number | Buffer

/** settle.lua. `now` is what TIME would tell, in ms. */
export function settleScript(
  store: Store,
  keys: readonly string[],
  values: readonly Value[],
  now: number,
  faults: Faults = {},
): string {
  const args = values.map(String)
  const key = (n: number): string => keys[n - 1] ?? ''
  const arg = (n: number): string => args[n - 1] ?? ''
  if (arg(15) !== '' && store.zset(key(8)).has(arg(15)) && !faults.sweepsReturned) return 'gone'
  if (store.lrem(key(1), -1, arg(1)) === 0 && !faults.noCompare) return 'gone'
  let how = arg(2)
  let strikes = 0
  if (how === 'again') {
    const history = store.list(key(3))
    if (!faults.notCounted) history.push(arg(4))
    strikes = Math.max(history.length, 1)
    const tokens = store.hash(key(5)).get('tokens')
    if (strikes >= Number(arg(5))) how = 'dead'
    else if (arg(6) === '1' && tokens !== undefined) {
      if (Number(tokens) < 1 && !faults.noBudget) how = 'final'
      else store.hash(key(5)).set('tokens', String(Number(tokens) - 1))
    }
  }
  if (how === 'bury') bury(store, key(4), arg(1), Number(arg(12)))
  if (how === 'dead') {
    const history = store.list(key(3)).join(',')
    const entry = `{"job":${arg(13)},"reason":"${arg(14)}","at":${now},"history":[${history}]}`
    bury(store, key(4), entry, Number(arg(12)))
  }
  if (how === 'return' || how === 'again') {
    const delay = Math.min(Number(arg(7)) * 2 ** (strikes - 1), Number(arg(8)))
    if (how === 'again' && Number(arg(7)) > 0) {
      const when = due(store, key(7), now) + delay
      const clock = store.hash(key(7))
      const number = Number(clock.get('number') ?? 0) + 1
      clock.set('number', String(number))
      store.zset(key(6)).set(`2${number}:${arg(3)}`, when)
    } else store.list(key(2)).unshift(arg(3))
    if (keys[8] !== undefined && arg(10) !== '') store.list(keys[8]).push(arg(10))
  }
  if (how === 'dead' || how === 'final') {
    store.lists.delete(key(3))
    if (keys[8] !== undefined && arg(11) !== '') store.list(keys[8]).push(arg(11))
  }
  return how
}

function bury(store: Store, key: string, entry: string, most: number): void {
  const dead = store.list(key)
  dead.unshift(entry)
  dead.splice(most)
}

/** What the queue's clock shows. */
function due(store: Store, key: string, now: number): number {
  const clock = store.hash(key)
  const shown = clock.get('now')
  if (shown === undefined) {
    clock.set('now', String(now)).set('wall', String(now))
    return now
  }
  return Number(shown) + Math.min(Math.max(now - Number(clock.get('wall')), 0), 2000)
}

/** What take.lua needs of a removal. */
export interface Removing {
  drop: number
  count: 1 | -1
  raws: Buffer[]
}

/** take.lua with one list and one worker. @returns the jobs moved; undefined where this boot is not registered. */
export function takeScript(
  store: Store,
  keys: { queue: string; held: string; workers: string },
  boot: string,
  n: number,
  removal: Removing,
  faults: Faults = {},
): string[] | undefined {
  if (!store.zset(keys.workers).has(boot) && !faults.zombieTakes) return undefined
  const held = store.list(keys.held)
  held.splice(0, removal.drop)
  for (const raw of removal.raws) store.lrem(keys.held, removal.count, raw.toString())
  const jobs = store.list(keys.queue).splice(0, n)
  held.push(...jobs)
  return jobs
}

/** BLMOVE of a parked call: nothing refuses it, whoever sent it may be gone. */
export function moveParked(store: Store, queue: string, held: string): void {
  const job = store.list(queue).shift()
  if (job !== undefined) store.list(held).push(job)
}
