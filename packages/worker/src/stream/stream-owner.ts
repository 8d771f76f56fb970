/** Who opened a stream: chooses its way, and is told how it ended. */
import type { OutgoingStream } from './outgoing-stream.js'
import type { Way } from './way.js'

export interface StreamOwner {
  /** Which way it goes, now and after a way was lost. */
  chooseWay(stream: OutgoingStream): Way
  /** It is over: all of it has arrived, or its failure has, or nobody waits for it. */
  closed(stream: OutgoingStream, how: 'answered' | 'failed' | 'cancelled'): void
  /** Nobody waits for it. */
  gone(): void
  refused(reason: string): void
}
