/** What a direct connection has said of itself: whether it knows the password, its protocol and name. Pure. */
import type { ListenerFacts } from './info.js'
import { error, type Protocol, type Reply } from './resp.js'

/** Who guesses passwords has to connect again after so many. */
const MAX_GUESSES = 10
const WRONG_PASS = error('invalid username-password pair or user is disabled.', 'WRONGPASS')

/** The state of one connection. */
export interface Session {
  readonly id: number
  authenticated: boolean
  protocol: Protocol
  name: string
  /** The reply is the last: the connection ends behind it. */
  closing: boolean
  /** Passwords that it has guessed. */
  guesses: number
}

/** Of a connection that has said nothing yet. */
export function newSession(id: number, { password }: ListenerFacts): Session {
  return {
    id,
    authenticated: password === undefined,
    protocol: 2,
    name: '',
    closing: false,
    guesses: 0,
  }
}

/** It has guessed, wrongly. */
export function refuseGuess(session: Session): Reply {
  if (++session.guesses >= MAX_GUESSES) session.closing = true
  return WRONG_PASS
}
