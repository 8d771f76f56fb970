/** What a direct connection needs of the listener that has accepted it. */
import type { DirectConnection } from './connection.js'
import type { ListenerFacts } from './info.js'

export interface ConnectionOwner {
  readonly facts: ListenerFacts
  /** Replies to `url` are OK whatever becomes of them: their senders know no other. */
  readonly legacy: boolean
  /** It has not said the password, or has just done so. */
  strange(connection: DirectConnection, isStrange: boolean): void
  announced(boot: string, connection: DirectConnection): void
  /** It will say no more; what it has said may still be taken. */
  left(connection: DirectConnection): void
  /** Bytes are held more, or fewer. @returns false where they are too many. */
  holds(bytes: number): boolean
  ended(connection: DirectConnection): void
}
