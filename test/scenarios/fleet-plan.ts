/** What a fleet is made of. */
import type { LoadOptions } from '../helpers/load'
import type { ServerOptions } from '../helpers/server'
import type { Rules } from './account'

export interface FleetPlan extends Rules, LoadOptions {
  /** @defaultValue 1 */
  fronts?: number
  /** @defaultValue 1 */
  workers?: number
  /** Of every front and worker. @defaultValue 1000 */
  patienceMs?: number
  /** How often a request may be pushed in all. @defaultValue 20 */
  maxAttempts?: number
  /** Options of every front. */
  front?: Record<string, unknown>
  /** Options of every worker. */
  worker?: Record<string, unknown>
  server?: ServerOptions
  /** A worker that dies unasked gets a successor. @defaultValue false */
  respawns?: boolean
  /** Keys that may be there at the end. */
  remains?: readonly string[]
}
