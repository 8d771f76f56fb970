/** What must hold, whatever happened. Each tells what is broken in words; an empty list is good. */
import { keys } from '@tempest/protocol'
import { splitId } from '../../packages/protocol/src/wire/ids'
import { elementsOf, fieldsOf } from '../helpers/json'
import type { World } from './world'

const CODES = new Set(['answered', 'left', 'DEADLINE', 'WORKER_LOST', 'HANDLER_FAILED'])

/** At any time. */
export function brokenNow(world: World): string[] {
  const broken: string[] = []
  const begun = new Map<string, string>()
  const counts = new Map<string, number>()
  for (const { id, base, boot } of world.begins) {
    counts.set(base, (counts.get(base) ?? 0) + 1)
    const other = begun.get(id)
    const kind = world.requests.get(base)?.kind
    const known = world.doubtful.has(base) || world.restarts > 0 || kind === 'pushed'
    if (other !== undefined && other !== boot && !known) broken.push(`${id} was begun twice`)
    begun.set(id, boot)
  }
  for (const [base, request] of world.requests) {
    const ends = request.ends.map(({ how }) => how)
    if (ends.length > 1) broken.push(`${base} ended ${ends.length} times: ${ends.join()}`)
    const count = counts.get(base) ?? 0
    if (request.kind === 'once' && count > 1) broken.push(`${base} was begun ${count} times`)
    for (const { how, result } of request.ends) {
      if (!CODES.has(how)) broken.push(`${base} ended with ${how}`)
      const own = world.begins.some((each) => each.base === base && each.payload === result)
      if (how === 'answered' && !own) broken.push(`${base} got ${String(result)}`)
      if (how === 'answered' && request.nature !== 'good') broken.push(`${base} was answered`)
      if (how === 'HANDLER_FAILED' && request.nature !== 'throws') broken.push(`${base} failed`)
    }
  }
  return broken
}

/** When all is at rest and no deadline was needed yet. */
export function brokenAtRest(world: World): string[] {
  const broken: string[] = []
  for (const exchange of world.front.open) {
    if (!world.requests.get(exchange.base)?.excused) broken.push(`${exchange.base} is still open`)
  }
  const dead = deadIds(world)
  for (const [base, { kind, nature, excused }] of world.requests) {
    if (kind !== 'pushed') continue
    const settled = world.completed.has(base) || dead.has(base)
    if (!settled && !excused) broken.push(`${base} was neither run nor kept as dead`)
    if (nature === 'poison' && !dead.has(base) && !excused) broken.push(`${base} is not dead`)
  }
  return broken
}

/** When every deadline is over and all is at rest again. */
export function brokenAtTheEnd(world: World): string[] {
  const broken: string[] = []
  for (const [base, { kind, ends }] of world.requests) {
    if (kind !== 'pushed' && ends.length !== 1) broken.push(`${base} ended ${ends.length} times`)
  }
  const { store, queue, front, workers } = world
  const boots = workers.map(({ boot }) => boot)
  const lists = [queue, front.mailbox, ...boots.map((boot) => keys.held(queue, boot))]
  for (const key of lists) {
    const left = store.list(key)
    if (left.length > 0) broken.push(`${key} holds ${left.join()}`)
  }
  for (const boot of boots) {
    const left = [...store.set(keys.suspects(queue, boot))]
    if (left.length > 0) broken.push(`${boot} still suspects ${left.join()}`)
  }
  if (store.zset(keys.delayed(queue)).size > 0) broken.push('jobs are still delayed')
  return broken
}

/** Where nobody died but by the one poison that was about. */
export function brokenForTheInnocent(world: World): string[] {
  return [...deadIds(world)]
    .filter((base) => world.requests.get(base)?.nature === 'good')
    .map((base) => `${base} is dead and has done nothing`)
}

/** However many kill their workers: each does so at most once more than it may be tried. */
export function brokenByPoison(world: World): string[] {
  const broken: string[] = []
  for (const [base, kills] of world.kills) {
    const request = world.requests.get(base)
    if (!request || request.excused || world.doubtful.has(base)) continue
    // Once more where it began beside a suspect, which was taken for the culprit.
    const most = request.kind === 'once' ? 1 : request.maxAttempts + 1
    if (kills > most) broken.push(`${base} killed ${kills} workers`)
  }
  return broken
}

/** Base ids in the dead list. */
function deadIds(world: World): Set<string> {
  const ids = new Set<string>()
  for (const entry of world.store.list(keys.dead(world.queue))) {
    const { job } = fieldsOf(JSON.parse(entry))
    const id = elementsOf(JSON.parse(String(job)))[3]
    ids.add(splitId(String(id)).base)
  }
  return ids
}
