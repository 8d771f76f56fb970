/** The steps a run is made of, and the way to rest at its end. */
import { keys } from '@tempest/protocol'
import fc from 'fast-check'
import { pick } from './front'
import type { World } from './world'

/** A step with a name, so that a run that fails can be read. */
export interface Step {
  name: string
  take: (world: World) => void
  toString(): string
}

/** What may happen in a run beside work itself. */
export interface Weather {
  /** Workers are killed or paused from outside, or accused although they live. */
  deaths?: boolean
  /** Connections break. */
  cuts?: boolean
  restarts?: boolean
  poison?: 'one' | 'many'
  /** Jobs nobody waits for. */
  pushed?: boolean
}

const at = fc.nat(7)
const step = (
  name: string,
  take: (world: World, n: number) => void,
  weight = 1,
): fc.WeightedArbitrary<Step> => ({
  weight,
  arbitrary: at.map((n) => ({
    name: `${name}(${n})`,
    take: (world) => take(world, n),
    toString: () => `${name}(${n})`,
  })),
})

const worker = (world: World, n: number) => pick(world.living, n)
const anyWorker = (world: World, n: number) => pick(world.workers, n)

const work = [
  step('ask', ({ front }, n) => front.ask(n === 0 ? 'throws' : 'good', n % 2 === 0, 3), 4),
  step('push', ({ front }) => front.push('confirmed'), 4),
  step('take', (world, n) => worker(world, n)?.take(1 + (n % 3)), 6),
  step('begin', (world, n) => worker(world, n)?.begin(), 8),
  step('end', (world, n) => worker(world, n)?.end(n), 6),
  step('reply', (world, n) => worker(world, n)?.reply(), 5),
  step('drain', (world, n) => worker(world, n)?.take(0), 3),
  step('recover', (world, n) => worker(world, n)?.recover(), 3),
  step('beat', (world, n) => worker(world, n)?.beat()),
  step('giveBack', (world, n) => worker(world, n)?.giveBack()),
  step('hire', (world) => world.living.length < 3 && world.hire(), 2),
  step('read', ({ front }, n) => front.read(1 + n), 3),
  step('leave', ({ front }, n) => n < 3 && front.leave(n)),
  step('expire', ({ front }, n) => n < 3 && front.expire(n)),
]
/** Longer ways, so that what lies behind them is reached. */
const ways = [
  step('askAndPush', ({ front }, n) => {
    for (let i = 0; i <= n % 3; i++) front.ask(n === 7 ? 'throws' : 'good', n % 3 > 0, 3)
    front.push('confirmed')
  }),
  step('takeAndBegin', (world, n) => {
    const each = worker(world, n)
    each?.take(3)
    for (let i = 0; i < 3; i++) each?.begin()
  }),
  step('endAll', (world, n) => {
    const each = worker(world, n)
    for (let i = 0; i < 3; i++) each?.end(0)
    each?.reply()
    each?.take(0)
  }),
  step('recoverAndTake', (world, n) => {
    const each = worker(world, n)
    each?.recover()
    each?.recover()
    each?.take(3)
  }),
]
/** Something is taken by a worker that dies, so that there are further attempts. */
const losses = [
  step('lose', (world, n) => {
    world.front.ask('good', true, 3)
    world.front.push('confirmed')
    const victim = world.hire()
    victim.take(8)
    if (n % 2 === 0) victim.begin()
    world.kill(victim)
    world.accuse(victim, false)
    for (let i = 0; i < n; i++) world.sweep(i)
  }),
  step('sweepOut', (world) => {
    for (let i = 0; i < 30; i++) world.sweep(0)
  }),
  step('sweepPaused', (world, n) => {
    const victim = worker(world, n)
    victim?.pause()
    if (victim) world.accuse(victim, n % 2 === 0)
    for (let i = 0; i < n; i++) world.sweep(0)
  }),
]
const sweeping = [
  step('sweep', (world, n) => world.sweep(n), 6),
  step(
    'accuseDead',
    (world, n) => {
      const dead = pick(
        world.workers.filter(({ state }) => state !== 'up'),
        n,
      )
      if (dead) world.accuse(dead, n % 2 === 0)
    },
    4,
  ),
]
const deaths = [
  step('kill', (world, n) => {
    const victim = anyWorker(world, n)
    if (victim) world.kill(victim)
  }),
  step('pause', (world, n) => {
    worker(world, n)?.pause()
  }),
  step('resume', (world, n) => {
    const zombie = pick(
      world.workers.filter(({ state }) => state === 'paused'),
      n,
    )
    if (zombie) world.resume(zombie)
  }),
  step('moveUnheard', (world, n) => anyWorker(world, n)?.moveUnheard()),
  step('replyUnheard', (world, n) => anyWorker(world, n)?.reply(false)),
  step('sweeperDies', (world, n) => world.sweepers.splice(n, 1)),
  step('accuse', (world, n) => {
    const victim = anyWorker(world, n)
    if (victim) world.accuse(victim, n % 2 === 0)
  }),
]
const cuts = [
  step('takeUnheard', (world, n) => worker(world, n)?.take(1 + (n % 2), false)),
  step('pushUnheard', ({ front }) => front.push('unheard')),
  step('pushLost', ({ front }) => front.push('lost')),
  step('readUnheard', ({ front }, n) => front.read(n, false)),
  step('cut', (world, n) => worker(world, n)?.trouble()),
]
const restarts = [
  step('restartInWork', (world, n) => {
    world.front.push('confirmed')
    world.save()
    const each = worker(world, n)
    each?.take(3)
    for (let i = 0; i < n % 4; i++) each?.begin()
    world.restart(true)
  }),
  step('save', (world) => world.save()),
  step('restart', (world, n) => world.restart(n % 2 === 0)),
]
const pushed = [
  step('pushForNobody', (world, n) => world.pushForNobody(n === 0 ? 'throws' : 'good', 3 + n), 2),
  step('wake', (world) => world.wake()),
]
const onePoison = step('askPoison', (world, n) => {
  if (![...world.requests.values()].some(({ nature }) => nature === 'poison')) poison(world, n)
})
const manyPoisons = step('askPoison', poison)

function poison(world: World, n: number): void {
  if (n % 3 === 0) world.pushForNobody('poison', 3 + (n % 2))
  else world.front.ask('poison', n % 3 === 1, 3 + (n % 2))
}

export function stepsOf(weather: Weather): fc.Arbitrary<Step[]> {
  const steps = [...work, ...ways, ...sweeping]
  if (weather.deaths) steps.push(...deaths, ...losses)
  if (weather.cuts) steps.push(...cuts)
  if (weather.restarts) steps.push(...restarts)
  if (weather.pushed) steps.push(...pushed)
  if (weather.poison) steps.push(weather.poison === 'one' ? onePoison : manyPoisons)
  return fc.array(fc.oneof(...steps), { maxLength: 80, size: 'max' })
}

const MOST_ROUNDS = 400

/** Nothing new happens, nobody dies but by poison: all there is to do is done. */
export function comeToRest(world: World): void {
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const before = fingerprint(world)
    for (const each of world.workers) if (each.state === 'paused') world.resume(each)
    if (world.living.length === 0) world.hire()
    world.front.push('confirmed')
    for (const each of world.workers) each.moveUnheard()
    for (const each of world.workers) {
      if (each.state !== 'up') world.accuse(each, true)
    }
    while (world.sweepers.length > 0) world.sweep(0)
    world.wake()
    for (const each of world.living) {
      each.recover()
      each.recover()
      each.take(3)
      for (let i = 0; i < 8; i++) each.begin()
      each.end(round)
      each.reply()
      each.take(0)
    }
    world.front.read(100)
    world.front.read(100)
    if (fingerprint(world) === before && !world.living.some((each) => each.busy)) return
  }
  throw new Error(`does not come to rest: ${fingerprint(world)}`)
}

/** What is left that somebody has to see to. */
function fingerprint(world: World): string {
  const { store, queue, front } = world
  const held = world.workers.map(({ boot }) => store.list(keys.held(queue, boot)))
  return JSON.stringify([
    store.list(queue),
    held,
    store.list(front.mailbox),
    front.waiting,
    world.workers.map(({ state }) => state),
    world.begins.length,
  ])
}
