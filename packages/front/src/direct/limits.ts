/** What a direct connection may cost: bytes, and milliseconds. */

const KIB = 1024
/** Before the password was said as little as that takes. */
export const STRANGER = { maxArgs: 8, maxBulkBytes: 4 * KIB, maxInlineBytes: 4 * KIB }
export const KNOWN = { maxArgs: 64, maxBulkBytes: 16 * KIB * KIB, maxInlineBytes: 64 * KIB }
/** So little is held for any connection, however many there are. */
export const FREE_BYTES = KIB
export const WAIT_MS = 1000
export const MAX_WAIT_MS = 3_600_000
/** A client is given this long, in ms, before it is slow. */
export const SLOW_MS = 250
/** Whoever has not said the password by then, or not finished a command, is sent away. */
export const STRANGER_MS = 10_000
export const COMMAND_MS = 60_000
