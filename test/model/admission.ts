/** Whether a job that was popped is still to be run. */
import { isOfAnotherEpoch, type Job, mayBeRetried, type Meta, splitId } from '@tempest/protocol'
import type { World } from './world'

/** `drop`: nobody waits, or somebody pushes it again; `lost`: it may have been run before Redis was restarted, and may not be again. */
type Admission = 'run' | 'drop' | 'lost'

/** @param known what its worker knows: the epoch of its connection, and the ids it heard are cancelled. */
export function admissionOf(
  world: World,
  job: Job,
  meta: Meta | undefined,
  known: { epoch: string; cancelled: ReadonlySet<string> },
): Admission {
  const stale = isOfAnotherEpoch(job, meta, known.epoch) && !world.faults.noEpoch
  if (stale) return mayBeRetried(job, meta) ? 'drop' : 'lost'
  const over = meta !== undefined && world.untilMs(meta.deadline) <= 0
  return over || known.cancelled.has(splitId(job.id).base) ? 'drop' : 'run'
}
