/** What can be done wrong on purpose, one at a time, to show that the properties notice. */
export interface Faults {
  /** A front takes a `fail` or `lost` of any attempt for one of the newest. */
  noFence?: boolean
  /** A job is removed from the held list before its reply is in Redis. */
  removedFirst?: boolean
  /** The script that settles goes on where its LREM removed nothing. */
  noCompare?: boolean
  /** A strike is not written to the history. */
  notCounted?: boolean
  /** The retry budget is not asked. */
  noBudget?: boolean
  /** A cancel also hits the id that was given before. */
  cancelNeighbour?: boolean
  /** A worker that was swept may take jobs, and remove them by count, without having read its held list. */
  zombieTakes?: boolean
  /** A sweeper goes on with a worker that is back. */
  sweepsReturned?: boolean
  /** Jobs of a further attempt are begun together. */
  suspectsTogether?: boolean
  /** A job of a further attempt is begun without its mark. */
  unmarked?: boolean
  /** A worker that was swept may still mark, and begin, what it held. */
  marksSwept?: boolean
  /** A beat registers a worker that was swept, before it has read its held list. */
  beatRegisters?: boolean
  /** A job that failed and is not held any more still counts as running. */
  goneStays?: boolean
  /** What had begun goes back under the same id. */
  sameAttempt?: boolean
  /** The mark of a suspect is taken off before the job is out of the held list. */
  unmarkedEarly?: boolean
  /** After an error finished jobs are removed by count although the held list was not read. */
  countAfterError?: boolean
  /** Jobs of another epoch are run. */
  noEpoch?: boolean
  /** What may not be retried is swept like what may. */
  retryAll?: boolean
  /** The mailbox is trimmed once more for what was handled. */
  trimTwice?: boolean
}
