/** Options of a worker, resolved and checked once at the entrance. */
import {
  checkInteger,
  checkNumber,
  checkQueueName,
  type NodeOptions,
  type ResolvedNodeOptions,
  resolveNodeOptions,
} from '@tempest/protocol'
import { checkOrder, type Order } from './order.js'

export interface WorkerOptions extends NodeOptions {
  /** Queues to pop from; the earlier ones come first, always. @defaultValue ['tempest'] */
  queues?: readonly string[] | undefined
  /** How many jobs may run at once. @defaultValue 64 */
  concurrency?: number | undefined
  /** How the high, normal and low lists of a queue are taken from: `'strict'` or weights. @defaultValue 'strict' */
  order?: Order | undefined
  /**
   * Of the jobs of a queue this share may be tried again after their workers died; beyond it, who waits is told at once. At least as
   * many as `concurrency` in 10 s are. More than 1: more often than they end. @defaultValue 0.1
   */
  retryBudget?: number | undefined
  /**
   * Whether replies go to fronts that listen themselves over connections of their own; else all go by the mailbox. `password`: what these
   * listeners want. @defaultValue true
   */
  direct?: boolean | { password?: string | undefined } | undefined
  /** How long, in ms, `stop()` lets running jobs finish before their signals fire. @defaultValue 25000 */
  stopMs?: number | undefined
}

export const workerDefaults = {
  queues: ['tempest'],
  concurrency: 64,
  order: 'strict',
  retryBudget: 0.1,
  direct: true,
  stopMs: 25_000,
} as const

export interface ResolvedWorkerOptions {
  node: ResolvedNodeOptions
  queues: string[]
  concurrency: number
  order: Order
  retryBudget: number
  stopMs: number
  /** Undefined: never. */
  direct: { password: string | undefined } | undefined
}

/** @throws TypeError that names the option. */
export function resolveWorkerOptions(options: WorkerOptions): ResolvedWorkerOptions {
  const node = resolveNodeOptions(options)
  const queues: unknown = options.queues ?? workerDefaults.queues
  if (!Array.isArray(queues) || queues.length === 0) {
    throw new TypeError('queues: use an array with at least one name')
  }
  // Array.from and not map, which would leave gaps out.
  const names = Array.from(queues, checkQueueName)
  if (new Set(names).size < names.length) throw new TypeError('queues: a name stands there twice')
  return {
    node,
    queues: names,
    concurrency: checkInteger(
      'concurrency',
      options.concurrency ?? workerDefaults.concurrency,
      1,
      100_000,
    ),
    order: checkOrder(options.order ?? workerDefaults.order),
    retryBudget: checkNumber(
      'retryBudget',
      options.retryBudget ?? workerDefaults.retryBudget,
      0,
      100,
    ),
    direct: checkDirect(options.direct ?? workerDefaults.direct),
    stopMs: checkNumber('stopMs', options.stopMs ?? workerDefaults.stopMs, 0),
  }
}

function checkDirect(value: unknown): { password: string | undefined } | undefined {
  if (typeof value === 'boolean') return value ? { password: undefined } : undefined
  if (typeof value !== 'object' || value === null) {
    throw new TypeError('direct: use true, false or an object with a password')
  }
  const password: unknown = 'password' in value ? value.password : undefined
  if (password === undefined || (typeof password === 'string' && password !== '')) {
    return { password }
  }
  throw new TypeError('direct.password: use text that is not empty')
}
