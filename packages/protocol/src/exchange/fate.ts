/** What becomes of an entry that comes in, and what was refused so far. Pure. */

/** What came in and was refused, by kind. */
export interface Refusals {
  /** Not an array, no verb, no id. */
  malformed: number
  /** A verb this node does not know, or that a channel may not carry. */
  unknownVerb: number
  /** A reply to something that is already over: late, second, or after its client left. */
  late: number
  /** A reply to another node, or to an earlier process at this one's place. */
  foreign: number
  /** An attempt that was never made, a failure or loss of an older attempt, anything but the attempt that has begun to stream. */
  fenced: number
  /** A head or chunk that was here already. */
  repeated: number
}

/**
 * - `taken`, or a `repeat` of what was: all is well
 * - `gone`: nobody waits for it
 * - `fenced`: another attempt is waited for
 * - `broken`: it ended the exchange with a failure
 * - `malformed`, `unknownVerb`: it is no entry that could be taken here
 */
export type Fate = 'taken' | 'repeat' | 'gone' | 'fenced' | 'broken' | 'malformed' | 'unknownVerb'

export function noRefusals(): Refusals {
  return { malformed: 0, unknownVerb: 0, late: 0, foreign: 0, fenced: 0, repeated: 0 }
}
