/** One way to publish to one audience, measured: events one at a time, and in bursts. */

import { availableParallelism } from 'node:os'
import type { Audience } from './audience.js'
import { readCpuMs, readMachineCpuMs } from './cpu.js'
import type { Row } from './csv.js'
import type { RunningHub } from './hub.js'
import type { Fanout } from './subscribers.js'

export interface Plan {
  rounds: number
  /** Each phase goes on for so long, and until its last event is everywhere. */
  seconds: number
  subscribers: number[]
  /** Events published at once. */
  burst: number
}

/** Events one at a time, or bursts of them. The figures are NaN where an event got lost. */
export interface Phase extends Fanout {
  perSecond: number
  /** Microseconds of CPU per delivery, of all processes of the hub together. */
  cpuUs: number
  /** How busy the clients' one thread was. Near 100 it may have been what was measured. */
  clientPercent: number
  /** Percent of all cores that went to programs which are no part of this. */
  othersPercent: number
}

export interface Delivery {
  round: number
  /** Within the round: the audiences stay, and are measured in turn. */
  pass: number
  hub: string
  way: string
  subscribers: number
  one: Phase
  bursts: Phase
  kibPerSubscriber: number
}

/** All ways to publish to that audience, one after the other. */
export async function measureAudience(
  audience: Audience,
  where: { round: number; pass: number },
  plan: Plan,
): Promise<Delivery[]> {
  const { hub, running, subscribers, count, kibPerSubscriber } = audience
  const deliveries: Delivery[] = []
  for (const [index, publication] of running.publications.entries()) {
    await subscribers.publishBy(publication)
    const run = (events: number): Promise<Phase> =>
      measurePhase(running, () => subscribers.run(events, plan.seconds * 1000))
    const one = await run(1)
    const bursts = await run(plan.burst)
    const way = hub.ways[index] ?? hub.name
    const cell = { hub: hub.name, way, subscribers: count, one, bursts, kibPerSubscriber }
    deliveries.push({ ...where, ...cell })
  }
  return deliveries
}

export function toRows(delivery: Delivery): Row[] {
  const { one, bursts, kibPerSubscriber, ...where } = delivery
  return Object.entries({ one, bursts }).map(([phase, measured]) => ({
    ...where,
    phase,
    events: measured.events,
    deliveries: measured.deliveries,
    seconds: measured.busyMs / 1000,
    deliveries_per_second: measured.perSecond,
    p50_ms: measured.p50Ms,
    p99_ms: measured.p99Ms,
    cpu_us: measured.cpuUs,
    client_percent: measured.clientPercent,
    others_percent: measured.othersPercent,
    kib_per_subscriber: kibPerSubscriber,
    errors: measured.errors.join('; '),
  }))
}

async function measurePhase(running: RunningHub, run: () => Promise<Fanout>): Promise<Phase> {
  const pids = running.pids()
  const before = readCpuMs(pids)
  const machineBefore = readMachineCpuMs()
  const began = performance.now()
  const fanout = await run()
  const coresMs = (performance.now() - began) * availableParallelism()
  const usedMs = readCpuMs(pids) - before
  const othersMs = readMachineCpuMs() - machineBefore - usedMs - fanout.cpuMs
  const isVoid = fanout.errors.length > 0
  return {
    ...fanout,
    ...(isVoid && { p50Ms: Number.NaN, p99Ms: Number.NaN }),
    perSecond: isVoid ? Number.NaN : (fanout.deliveries * 1000) / fanout.busyMs,
    cpuUs: isVoid ? Number.NaN : (usedMs * 1000) / fanout.deliveries,
    clientPercent: (100 * fanout.cpuMs) / fanout.wallMs,
    othersPercent: (100 * Math.max(0, othersMs)) / coresMs,
  }
}
