/**
 * Sweepers: the real verdict and the real call of settle.lua, over the model's Redis. Each is a generator that yields where something else
 * can come between.
 */
import { keys, settle, verdictOf } from '@tempest/protocol'
import type { Link } from '@tempest/protocol'
import { settleScript } from './scripts'
import type { World } from './world'

export type Sweep = Generator<undefined, void, void>

/** Who sweeps has read this; it may be old when it is used. */
interface Cause {
  suspects: ReadonlySet<string>
  began: 'marked' | 'all' | 'none'
  code: string
  /** It has heard of the cancels. */
  informed: boolean
}

/** Names a node as gone, takes it out, and settles what it held. */
export function* sweep(world: World, boot: string, informed: boolean): Sweep {
  const { queue, store } = world
  if (!store.hash(keys.nodes).delete(boot)) return
  const since = String(world.sweeps++)
  store.hash(keys.gone).set(boot, since)
  store.zset(keys.workers(queue)).delete(boot)
  yield
  yield* clear(world, boot, since, 'marked', informed)
  if (isStillGone(world, boot, since)) world.store.hash(keys.gone).set(boot, `${since} swept`)
}

/** A parked call of the dead may have fired since. */
export function* sweepAgain(world: World, boot: string, informed: boolean): Sweep {
  const [since, swept] = world.store.hash(keys.gone).get(boot)?.split(' ') ?? []
  if (since === undefined) return
  yield
  yield* clear(world, boot, since, swept === undefined ? 'marked' : 'none', informed)
}

function* clear(
  world: World,
  boot: string,
  since: string,
  began: Cause['began'],
  informed: boolean,
): Sweep {
  const held = keys.held(world.queue, boot)
  const marks = keys.suspects(world.queue, boot)
  const suspects = new Set(world.store.set(marks))
  yield
  for (let settled = true; settled;) {
    settled = false
    const raws = [...world.store.list(held)]
    yield
    for (const raw of raws.reverse()) {
      if (!isStillGone(world, boot, since)) return
      const outcome = settleJob(world, boot, raw, {
        suspects,
        began,
        code: 'WORKER_LOST',
        informed,
      })
      if (outcome !== 'gone') settled = true
      yield
    }
    if (world.faults.noCompare) settled = false
  }
  if (isStillGone(world, boot, since)) world.store.sets.delete(marks)
}

/** Asked in the same step as what depends on it: a worker that is back must find its list as it reads it. */
function isStillGone(world: World, boot: string, since: string): boolean {
  if (world.faults.sweepsReturned) return true
  return world.store.hash(keys.gone).get(boot)?.split(' ')[0] === since
}

export function settleJob(world: World, boot: string, raw: string, cause: Cause): string {
  const { store, queue, faults, epoch } = world
  const bytes = Buffer.from(raw)
  const verdict = verdictOf(bytes, {
    ...{ suspects: cause.suspects, began: cause.began, epoch },
    untilMs: (deadline) => world.untilMs(deadline),
    isCancelled: (base) => cause.informed && world.cancels.has(base),
  })
  if (faults.retryAll && verdict.how === 'final') {
    Object.assign(verdict, { how: 'again', next: raw.replace(/"\]$/, '.2"]') })
  }
  if (faults.sameAttempt && verdict.how === 'again') Object.assign(verdict, { next: raw })
  let outcome: string | undefined
  const script = (_script: unknown, names: string[], args: (string | number | Buffer)[]) => {
    outcome = settleScript(store, names, args, 0, faults)
    return Promise.resolve(outcome)
  }
  const lost = cause.code === 'WORKER_LOST'
  // The script runs within this call; nothing else can come between, as in Redis.
  void settle({ script } as unknown as Link, queue, boot, bytes, verdict, {
    ...{ code: cause.code, at: 0, reason: lost ? 'POISONED' : cause.code, swept: lost },
  })
  if (outcome === undefined) throw new Error('the script did not run')
  return outcome
}
