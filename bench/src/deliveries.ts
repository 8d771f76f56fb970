/** What the deliveries of a run amount to: rows of the table, goals reached or missed. A void phase counts nowhere. */

import type { Delivery, Phase } from './delivery.js'
import { formatJudgements, judge } from './goal.js'
import { summarize, takeMedian, type Summary } from './statistics.js'
import { formatNumber, formatSummary, formatTable } from './table.js'

/** What the others are divided by. */
const YARDSTICK = 'nchan1'
const MIN_BURST_RATIO = 5
const MIN_ONE_RATIO = 1
const MAX_KIB = 10

type PhaseName = 'one' | 'bursts'

const heads = [
  'subscribers',
  'hub',
  'bursts: deliveries/s',
  '÷ Nchan',
  'CPU µs',
  'one at a time: deliveries/s',
  '÷ Nchan',
  'p50 ms',
  'p99 ms',
  'CPU µs',
  'KiB/subscriber',
]

export function formatDeliveries(deliveries: readonly Delivery[]): string {
  const rows = listCells(deliveries).map((cell) => {
    const [first] = cell
    const measure = (phase: PhaseName, of: (phase: Phase) => number): Summary =>
      summarize(cell.map((delivery) => of(delivery[phase])))
    const columns = (phase: PhaseName): string[] => [
      formatSummary(measure(phase, ({ perSecond }) => perSecond)),
      formatSummary(compareToNchan(deliveries, cell, phase)),
    ]
    const cpu = (phase: PhaseName): string => formatNumber(measure(phase, (of) => of.cpuUs).median)
    return [
      first.subscribers.toLocaleString('en-US'),
      first.way,
      ...columns('bursts'),
      cpu('bursts'),
      ...columns('one'),
      formatNumber(measure('one', ({ p50Ms }) => p50Ms).median),
      formatNumber(measure('one', ({ p99Ms }) => p99Ms).median),
      cpu('one'),
      formatSummary(summarize(cell.map(({ kibPerSubscriber }) => kibPerSubscriber))),
    ]
  })
  return formatTable(heads, rows)
}

export function formatHubGoals(deliveries: readonly Delivery[]): string {
  const cells = listCells(deliveries).filter(([first]) => first.hub === 'tempest')
  const rows = cells.map((cell) => {
    const [{ subscribers, way }] = cell
    const ratio = (phase: PhaseName): number => compareToNchan(deliveries, cell, phase).median
    const what = `${subscribers.toLocaleString('en-US')}, ${way}`
    return [
      judge(`bursts ÷ Nchan: ${what}`, 'at least', MIN_BURST_RATIO, ratio('bursts')),
      judge(`one at a time ÷ Nchan: ${what}`, 'at least', MIN_ONE_RATIO, ratio('one')),
    ]
  })
  const memory = [...new Set(cells.map(([{ subscribers }]) => subscribers))].map((count) => {
    const alike = cells.flat().filter(({ subscribers }) => subscribers === count)
    const kib = takeMedian(alike.map(({ kibPerSubscriber }) => kibPerSubscriber))
    return judge(`KiB per subscriber: ${count.toLocaleString('en-US')}`, 'at most', MAX_KIB, kib)
  })
  return formatJudgements([...rows.flat(), ...memory])
}

/** How far the figures can be trusted. */
export function formatTrust(deliveries: readonly Delivery[]): string {
  const phases = deliveries.flatMap(({ one, bursts }) => [one, bursts])
  const others = summarize(phases.map(({ othersPercent }) => othersPercent))
  const clients = Math.max(...phases.map(({ clientPercent }) => clientPercent))
  return `Other programs took ${formatNumber(others.median)} % of the cores in the median phase, ${formatNumber(others.most)} % in the worst. The clients were busy ${formatNumber(clients)} % of the time at most.`
}

/** Those of all rounds that are one row; by number of subscribers, else in the order of the first round. */
function listCells(deliveries: readonly Delivery[]): [Delivery, ...Delivery[]][] {
  const cells = new Map<string, [Delivery, ...Delivery[]]>()
  for (const delivery of [...deliveries].sort(bySubscribers)) {
    const key = `${delivery.subscribers} ${delivery.way}`
    const cell = cells.get(key)
    if (cell === undefined) cells.set(key, [delivery])
    else cell.push(delivery)
  }
  return [...cells.values()]
}

function bySubscribers(one: Delivery, other: Delivery): number {
  return one.subscribers - other.subscribers
}

/** Deliveries per second, divided by Nchan's of the same turn. */
function compareToNchan(
  deliveries: readonly Delivery[],
  cell: readonly Delivery[],
  phase: PhaseName,
): Summary {
  const ratios = cell.map((delivery) => {
    const beside = deliveries.find(
      ({ hub, round, pass, subscribers }) =>
        hub === YARDSTICK &&
        round === delivery.round &&
        pass === delivery.pass &&
        subscribers === delivery.subscribers,
    )
    return delivery[phase].perSecond / (beside?.[phase].perSecond ?? Number.NaN)
  })
  return summarize(ratios)
}
